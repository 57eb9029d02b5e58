package twilio

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
)

const (
	defaultLimit = 1000
	pageSize     = 200 // messages of one answer, see maxList
	maxPages     = 250 // that one list looks through: 50,000 messages
)

// List implements [sms.Lister] over Twilio's Messages, 200 for a request; a text with attachments costs one request
// more, because only their subresource has URLs and types.
//
// Twilio orders and filters by when a message was sent, not by when it was created, and a message that is still queued
// has no such time. So its date filters are used for DirectionInbound only, whose messages count as sent when Twilio
// asks the webhook. (One that came in while there was no webhook to ask may have no such time either: leave Direction
// empty to look behind the day on which a webhook was first set.) All others are read newest first, until a whole page
// was sent (or, still queued, created) before Since. Where in that order Twilio puts the queued ones isn't documented:
// ask for a From and a To, as reconciliation can, and what counts is on the first page.
//
// One list looks through 50,000 messages. An account that has more of them in a day is read all the same: where a list ended,
// the next one that wants older messages begins, also after [sms.ErrListTooLong].
//
// Left out are texts that Twilio didn't deliver to the webhook on purpose (machine-made, error 30039) or is still
// receiving, and those whose sender it redacted.
func (a *account) List(ctx context.Context, q sms.ListQuery) ([]sms.Listed, error) {
	if q.Limit <= 0 {
		q.Limit = defaultLimit
	}
	way, query := a.trails.begin(q, time.Now())
	shortcut := len(way.steps) > 0
	defer func() { a.trails.keep(way, time.Now()) }()
	var out []sms.Listed
	for n := range maxPages {
		var p page
		err := a.ask(ctx, question{login: a.rest(), base: a.base, path: a.messages(query), limit: maxList}, &p)
		if err != nil {
			if shortcut && n == 0 && (answered(err, http.StatusBadRequest) || answered(err, http.StatusNotFound)) {
				a.trails.forget(way.of)
				way.steps = nil
			}
			return nil, err
		}
		if out, err = a.collect(ctx, out, p.Messages, q); err != nil {
			return nil, err
		}
		if len(out) == q.Limit || p.Next == "" || p.before(q.Since) {
			return newestFirst(out), nil
		}
		if !a.turn(query, p.Next) {
			return nil, &sms.SendError{Provider: Name, Status: http.StatusOK, Reason: channel.ReasonRetry, Err: errUnreadable}
		}
		way.passes(p, query)
	}
	return nil, &sms.SendError{Provider: Name, Status: http.StatusOK, Reason: channel.ReasonOther, Err: sms.ErrListTooLong}
}

func (a *account) messages(query url.Values) string {
	return a.path("/Messages.json?") + query.Encode()
}

// listQuery is q as far as Twilio can filter. Its dates are days in UTC, and the upper one may or may not count itself.
func listQuery(q sms.ListQuery, now time.Time) url.Values {
	query := url.Values{"PageSize": {strconv.Itoa(pageSize)}}
	if q.To != "" {
		query.Set("To", string(q.To))
	}
	if q.From != "" {
		query.Set("From", string(q.From))
	}
	if q.Direction != sms.DirectionInbound {
		return query
	}
	if !q.Since.IsZero() {
		query.Set("DateSent>", q.Since.UTC().Format(time.DateOnly))
	}
	if until := q.Until.AddDate(0, 0, 2); !q.Until.IsZero() && until.Before(now) {
		query.Set("DateSent<", until.UTC().Format(time.DateOnly))
	}
	return query
}

// turn makes query that of the next page. Only the page's number and token are taken from what Twilio says, so that the
// next request can go nowhere else and ask for nothing else.
func (a *account) turn(query url.Values, next string) bool {
	u, err := url.Parse(next)
	if err != nil || u.Host != "" || u.Path != a.path("/Messages.json") {
		return false
	}
	token := u.Query().Get("PageToken")
	if token == "" || token == query.Get("PageToken") {
		return false
	}
	query.Set("PageToken", token)
	query.Set("Page", u.Query().Get("Page"))
	return true
}

// page is one answer of Messages.json.
type page struct {
	Messages []message `json:"messages"`
	Next     string    `json:"next_page_uri"`
}

// before reports that everything here went out, or is as old, before t.
func (p page) before(t time.Time) bool {
	for _, m := range p.Messages {
		at := rfc2822(m.Sent)
		if at.IsZero() {
			at = rfc2822(m.Created)
		}
		if !at.Before(t) {
			return false
		}
	}
	return len(p.Messages) > 0
}

// message is what counts of a Message. null reads as zero.
type message struct {
	SID       string `json:"sid"`
	Direction string `json:"direction"`
	From      string `json:"from"`
	To        string `json:"to"`
	Body      string `json:"body"`
	Service   string `json:"messaging_service_sid"`
	Status    string `json:"status"`
	Code      int    `json:"error_code"`
	Segments  string `json:"num_segments"`
	Media     string `json:"num_media"`
	Created   string `json:"date_created"`
	Sent      string `json:"date_sent"`
	Updated   string `json:"date_updated"`
}

// collect adds the messages that q wants to out, up to its limit.
func (a *account) collect(ctx context.Context, out []sms.Listed, messages []message, q sms.ListQuery) ([]sms.Listed, error) {
	for _, m := range messages {
		if len(out) == q.Limit {
			break
		}
		l, ok := m.listed(q)
		if !ok {
			continue
		}
		if l.Inbound != nil && m.Media != "" && m.Media != "0" {
			files, err := a.attachments(ctx, m.SID)
			if err != nil {
				return nil, err
			}
			l.Inbound.Media = files
		}
		out = append(out, l)
	}
	return out, nil
}

// listed is the message as q wants it, if it does.
func (m message) listed(q sms.ListQuery) (sms.Listed, bool) {
	created := rfc2822(m.Created)
	l := sms.Listed{Text: m.Body, From: channel.Address(m.From), To: channel.Address(m.To), Pool: m.Service, Created: created}
	switch {
	case !messageSID.MatchString(m.SID), created.IsZero(), !properAddress(m.From), !properAddress(m.To):
		return l, false
	case created.Before(q.Since.Truncate(time.Second)), !q.Until.IsZero() && !created.Before(q.Until):
		return l, false
	case m.Direction == "inbound":
		l.Inbound = m.inbound(created)
		return l, q.Direction != sms.DirectionOutbound && m.delivered()
	case strings.HasPrefix(m.Direction, "outbound-"): // -api, -reply (TwiML), -call
		l.Receipt = m.receipt()
		return l, q.Direction != sms.DirectionInbound
	}
	return l, false
}

// delivered reports a text that Twilio gave, or would have given, to the webhook, from somebody.
func (m message) delivered() bool {
	const machineMade = 30039
	redacted := strings.HasSuffix(m.From, "XXXX") // account-wide message redaction
	return m.Status == "received" && m.Code != machineMade && !redacted
}

func (m message) inbound(created time.Time) *channel.Inbound {
	return &channel.Inbound{
		ID: m.SID, From: channel.Address(m.From), To: channel.Address(m.To), Pool: m.Service, Text: m.Body,
		At: created, Segments: natural(m.Segments),
	}
}

func (m message) receipt() *channel.Receipt {
	status := deliveryStatus(m.Status)
	r := &channel.Receipt{
		ID: m.SID, Status: status, Word: cut(channel.Clean(m.Status), maxWord), At: rfc2822(m.Updated),
		Reason: failureReason(status, m.Code, m.From),
	}
	if m.Code > 0 {
		r.Code = strconv.Itoa(m.Code)
	}
	return r
}

// attachments returns the files of a text that came in, with the addresses that its webhook had: at Twilio's own host,
// whatever Config.BaseURL is. A text that was deleted since has none.
func (a *account) attachments(ctx context.Context, sid string) ([]channel.Attachment, error) {
	var answer struct {
		Media []struct {
			SID  string `json:"sid"`
			Type string `json:"content_type"`
		} `json:"media_list"`
	}
	path := a.path("/Messages/" + sid + "/Media")
	err := a.ask(ctx, question{login: a.rest(), base: a.base, path: path + ".json?PageSize=" + strconv.Itoa(maxFiles), limit: maxList}, &answer)
	if err != nil && !answered(err, http.StatusNotFound) {
		return nil, err
	}
	var out []channel.Attachment
	for _, m := range answer.Media {
		if mediaSID.MatchString(m.SID) {
			out = append(out, channel.Attachment{URL: defaultBaseURL + path + "/" + m.SID, ContentType: channel.Clean(m.Type)})
		}
	}
	return out, nil
}

func newestFirst(out []sms.Listed) []sms.Listed {
	slices.SortStableFunc(out, func(x, y sms.Listed) int { return y.Created.Compare(x.Created) })
	return out
}

// rfc2822 reads Twilio's dates ("Thu, 24 Aug 2023 05:01:45 +0000"); null and what can't be read is no time.
func rfc2822(s string) time.Time {
	t, err := time.Parse(time.RFC1123Z, s)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// natural reads a number that Twilio writes as a string.
func natural(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return max(n, 0)
}
