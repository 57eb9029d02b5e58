package smstest

import (
	"crypto/sha256"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
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

// known yields the account's messages, newest first, each as far as it is now.
func (t *Twilio) known() iter.Seq[twilioMessage] {
	return func(yield func(twilioMessage) bool) {
		t.mu.Lock()
		all := slices.Clone(t.messages.last(t.keep))
		t.mu.Unlock()
		for _, m := range slices.Backward(all) {
			if m.direction == "outbound-api" {
				now, ok := t.Find(m.ID)
				if !ok {
					continue
				}
				m.Sent = now
			}
			if !yield(m) {
				return
			}
		}
	}
}

// listMessages filters as Twilio does: by the exact addresses, and by the day on which a message was sent, which leaves
// out those that are still queued.
func (p *twilioProtocol) listMessages(q twilioCall) reply {
	for name := range q.form {
		if !slices.Contains([]string{"To", "From", "DateSent", "DateSent<", "DateSent>", "PageSize", "Page", "PageToken"}, name) {
			return p.error(refuse(20001, "Parameter '"+name+"' is not known"))
		}
	}
	fits, e := dateFilter(q.form)
	if e != nil {
		return p.error(e)
	}
	size, before := pageSize(q), strings.TrimPrefix(q.form.Get("PageToken"), "PA")
	found := []map[string]any{} // one more than the page has
	for m := range (*Twilio)(p).known() {
		switch {
		case before != "": // the page begins behind it
			if m.ID == before {
				before = ""
			}
		case m.between(q.form.Get("From"), q.form.Get("To")) && fits(m):
			found = append(found, p.message(m.Sent, m.direction))
		}
		if len(found) > size {
			break
		}
	}
	return p.json(http.StatusOK, p.page(q, "messages", found))
}

// between reports a message with these addresses; an empty one is any.
func (m twilioMessage) between(from, to string) bool {
	return (from == "" || from == string(m.From)) && (to == "" || to == string(m.To))
}

// dateFilter is what the DateSent parameters let through.
func dateFilter(form url.Values) (func(twilioMessage) bool, *apiError) {
	var all []func(at time.Time) bool
	for _, name := range []string{"DateSent", "DateSent>", "DateSent<"} {
		if !form.Has(name) {
			continue
		}
		day, err := time.Parse(time.DateOnly, form.Get(name)[:min(len(form.Get(name)), len(time.DateOnly))])
		if err != nil {
			return nil, refuse(20001, "Invalid DateSent")
		}
		all = append(all, map[string]func(at time.Time) bool{
			"DateSent":  func(at time.Time) bool { return at.Truncate(24 * time.Hour).Equal(day) },
			"DateSent>": func(at time.Time) bool { return !at.Before(day) },
			"DateSent<": func(at time.Time) bool { return !at.After(day) }, // until midnight, where the day begins
		}[name])
	}
	return func(m twilioMessage) bool {
		if len(all) == 0 {
			return true
		}
		return !m.queued() && !slices.ContainsFunc(all, func(fits func(time.Time) bool) bool { return !fits(m.At) })
	}, nil
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
	var of twilioMessage
	for m := range (*Twilio)(p).known() {
		if m.ID == q.sid {
			of = m
			break
		}
	}
	if of.ID == "" {
		return p.error(notFound(q.path))
	}
	at := twilioDate(of.At)
	found := []map[string]any{}
	for n, u := range of.Media {
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

// paged is one page of a list that is at hand.
func (p *twilioProtocol) paged(q twilioCall, name string, all []map[string]any) map[string]any {
	begin := 0
	if token := q.form.Get("PageToken"); token != "" {
		begin = 1 + slices.IndexFunc(all, func(r map[string]any) bool { return token == "PA"+r["sid"].(string) })
	}
	return p.page(q, name, all[begin:])
}

// page is one page of a list, of which rest is what the page before it left. The token of a page is the SID that the one
// before it ended with, so that what comes in meanwhile moves nothing; its number is whatever the client says.
func (p *twilioProtocol) page(q twilioCall, name string, rest []map[string]any) map[string]any {
	size := pageSize(q)
	number, _ := strconv.Atoi(q.form.Get("Page"))
	here := rest[:min(size, len(rest))]
	begin := number * size
	out := map[string]any{name: here, "start": begin, "end": max(begin+len(here)-1, 0), "page": number, "page_size": size,
		"uri": q.path + "?" + q.form.Encode(), "first_page_uri": q.uri(size, 0, ""), "next_page_uri": nil, "previous_page_uri": nil}
	if len(rest) > size {
		out["next_page_uri"] = q.uri(size, number+1, "PA"+here[size-1]["sid"].(string))
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
