package smstest

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/livedesk/livedesk-go/channel"
)

// twilioMessage is an entry of the account's list of messages.
type twilioMessage struct {
	Sent      // of a text sent through the API only the ID counts: the log knows how far it is
	direction string
}

// note adds a message to the account's list.
func (t *Twilio) note(m twilioMessage) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, old := range t.messages.add(m, t.keep) {
		delete(t.received, old.ID)
	}
}

// receive lists a customer's text, once however often it is delivered.
func (t *Twilio) receive(m Text) {
	t.mu.Lock()
	again := t.received[m.ID]
	t.received[m.ID] = true
	t.mu.Unlock()
	if again {
		return
	}
	t.note(twilioMessage{direction: "inbound", Sent: Sent{ID: m.ID, From: m.From, To: m.To, Pool: t.service(m.To), Body: m.Body,
		Media: m.Media, Segments: segments(m.Body), At: time.Now().UTC(), Word: "received"}})
}

// known returns the account's messages, newest first, each as far as it is now.
func (t *Twilio) known() []twilioMessage {
	t.mu.Lock()
	all := slices.Clone(t.messages.last(t.keep))
	t.mu.Unlock()
	slices.Reverse(all)
	out := all[:0]
	for _, m := range all {
		if m.direction == "outbound-api" {
			now, ok := t.Find(m.ID)
			if !ok {
				continue
			}
			m.Sent = now
		}
		out = append(out, m)
	}
	return out
}

// listMessages filters as Twilio does: by the exact addresses, and by the day on which a message was sent, which leaves
// out those that are still queued.
func (p *twilioProtocol) listMessages(q twilioCall) reply {
	for name := range q.form {
		if !slices.Contains([]string{"To", "From", "DateSent", "DateSent<", "DateSent>", "PageSize", "Page", "PageToken"}, name) {
			return p.error(refuse(20001, "Parameter '"+name+"' is not known"))
		}
	}
	found := []map[string]any{}
	for _, m := range (*Twilio)(p).known() {
		ok, err := m.matches(q.form)
		if err != nil {
			return p.error(refuse(20001, "Invalid DateSent"))
		}
		if ok {
			found = append(found, p.message(m.Sent, m.direction))
		}
	}
	return p.json(http.StatusOK, p.paged(q, "messages", found))
}

func (m twilioMessage) matches(form url.Values) (bool, error) {
	for name, v := range map[string]channel.Address{"From": m.From, "To": m.To} {
		if want := form.Get(name); want != "" && want != string(v) {
			return false, nil
		}
	}
	for name, fits := range map[string]func(day time.Time) bool{
		"DateSent":  func(day time.Time) bool { return m.At.Truncate(24 * time.Hour).Equal(day) },
		"DateSent>": func(day time.Time) bool { return !m.At.Before(day) },
		"DateSent<": func(day time.Time) bool { return !m.At.After(day) }, // until midnight, where the day begins
	} {
		if !form.Has(name) {
			continue
		}
		day, err := time.Parse(time.DateOnly, form.Get(name)[:min(len(form.Get(name)), len(time.DateOnly))])
		if err != nil {
			return false, err
		}
		if m.queued() || !fits(day) {
			return false, nil
		}
	}
	return true, nil
}

// queued reports a text that has no time of sending yet.
func (s Sent) queued() bool {
	return slices.Contains([]string{"accepted", "scheduled", "queued", "sending"}, s.Word)
}

// message is the Message resource, in the fields and their types that Twilio documents.
func (p *twilioProtocol) message(m Sent, direction string) map[string]any {
	uri := twilioAccounts + p.cfg.AccountSID + "/Messages/" + m.ID
	sent, pool, code := any(twilioDate(m.At)), any(nil), any(nil)
	if m.queued() {
		sent = nil
	}
	if m.Pool != "" {
		pool = m.Pool
	}
	if n, err := strconv.Atoi(m.Code); err == nil {
		code = n
	}
	return map[string]any{
		"account_sid": p.cfg.AccountSID, "api_version": "2010-04-01", "body": m.Body,
		"date_created": twilioDate(m.At), "date_updated": twilioDate(m.At), "date_sent": sent, "direction": direction,
		"error_code": code, "error_message": nil, "from": m.From, "to": m.To, "messaging_service_sid": pool,
		"num_media": strconv.Itoa(len(m.Media)), "num_segments": strconv.Itoa(m.Segments), "price": nil, "price_unit": "USD",
		"sid": m.ID, "status": m.Word, "uri": uri + ".json", "subresource_uris": map[string]string{"media": uri + "/Media.json"},
	}
}

func twilioDate(t time.Time) string { return t.UTC().Format(time.RFC1123Z) }

func (p *twilioProtocol) listMedia(q twilioCall) reply {
	known := (*Twilio)(p).known()
	i := slices.IndexFunc(known, func(m twilioMessage) bool { return m.ID == q.sid })
	if i < 0 {
		return p.error(notFound(q.path))
	}
	at := twilioDate(known[i].At)
	found := []map[string]any{}
	for n, u := range known[i].Media {
		sid := mediaID(q.sid, n, u)
		found = append(found, map[string]any{"sid": sid, "account_sid": p.cfg.AccountSID, "parent_sid": q.sid, "content_type": (*Twilio)(p).contentType(u),
			"date_created": at, "date_updated": at, "uri": strings.TrimSuffix(q.path, ".json") + "/" + sid + ".json"})
	}
	return p.json(http.StatusOK, p.paged(q, "media_list", found))
}

var mediaPath = regexp.MustCompile(`/Media/(ME[0-9a-f]{32})$`)

// mediaID is the SID in a URL of Twilio's own, and made up for any other.
func mediaID(message string, n int, u string) string {
	if sid := twilioMediaSID(u); sid != "" {
		return sid
	}
	sum := sha256.Sum256([]byte(message + strconv.Itoa(n)))
	return fmt.Sprintf("ME%x", sum[:16])
}

// paged is one page of a list. The token of a page is the SID that the one before it ended with, so that what comes in
// meanwhile moves nothing.
func (p *twilioProtocol) paged(q twilioCall, name string, all []map[string]any) map[string]any {
	size, begin := pageSize(q), 0
	if token := q.form.Get("PageToken"); token != "" {
		begin = 1 + slices.IndexFunc(all, func(r map[string]any) bool { return token == "PA"+r["sid"].(string) })
	}
	end := min(begin+size, len(all))
	number, _ := strconv.Atoi(q.form.Get("Page"))
	out := map[string]any{name: all[begin:end], "start": begin, "end": max(end-1, 0), "page": number, "page_size": size,
		"uri": q.path + "?" + q.form.Encode(), "first_page_uri": q.uri(size, 0, ""), "next_page_uri": nil, "previous_page_uri": nil}
	if end < len(all) {
		out["next_page_uri"] = q.uri(size, number+1, "PA"+all[end-1]["sid"].(string))
	}
	return out
}

func (q twilioCall) uri(size, page int, token string) string {
	query := url.Values{}
	for name, values := range q.form {
		query[name] = values
	}
	query.Set("PageSize", strconv.Itoa(size))
	query.Set("Page", strconv.Itoa(page))
	if query.Del("PageToken"); token != "" {
		query.Set("PageToken", token)
	}
	return q.path + "?" + query.Encode()
}

func pageSize(q twilioCall) int {
	n, err := strconv.Atoi(q.form.Get("PageSize"))
	if err != nil || n < 1 {
		return 50
	}
	return min(n, 1000)
}
