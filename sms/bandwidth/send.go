package bandwidth

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms/internal/egress"
)

const (
	maxText = 2048 // characters of one text
	maxRef  = 64

	userAgent = "livedesk-go"
)

// message is the body of POST /users/{accountId}/messages. Priority and the channels other than SMS and MMS are left
// to the account's defaults.
type message struct {
	ApplicationID string            `json:"applicationId"`
	To            []channel.Address `json:"to"`
	From          channel.Address   `json:"from"`
	Text          string            `json:"text,omitempty"`
	Media         []string          `json:"media,omitempty"`
	Tag           string            `json:"tag,omitempty"`
	Expiration    string            `json:"expiration,omitempty"`
}

// Send implements [channel.Channel]: one POST, and a second one only after a 401 with a bearer token, which proves
// that the first was not taken. The error is always a
// [*github.com/livedesk/livedesk-go/sms.SendError].
func (a *account) Send(ctx context.Context, m channel.Outbound) (channel.Accepted, error) {
	if err := check(m); err != nil {
		return channel.Accepted{}, err
	}
	body, err := a.encode(m)
	if err != nil {
		return channel.Accepted{}, refused(channel.ReasonContent, "text can't be encoded")
	}
	if a.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, a.timeout)
		defer cancel()
	}
	return authorized(a, func(get credentials) (channel.Accepted, error) {
		authorization, err := get(ctx)
		if err != nil {
			return channel.Accepted{}, err
		}
		return a.post(ctx, authorization, body, m)
	})
}

func (a *account) post(ctx context.Context, authorization string, body []byte, m channel.Outbound) (channel.Accepted, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.sendURL, bytes.NewReader(body))
	if err != nil {
		return channel.Accepted{}, notSent(cause(err))
	}
	g := egress.Gate{Before: m.Before}
	g.Guard(req)
	req.Header.Set("Authorization", authorization)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", userAgent)
	res, err := a.client.Do(req)
	if err != nil {
		if g.Shut() {
			return channel.Accepted{}, notSent(cause(err))
		}
		return channel.Accepted{}, unknown(0, cause(err))
	}
	raw, err := readAnswer(res.Body)
	if res.StatusCode/100 == 2 {
		return accepted(res.StatusCode, raw, err, m.Ref)
	}
	return channel.Accepted{}, answerError(res.StatusCode, res.Header, raw)
}

// encode writes the JSON without HTML escapes: a text with "&" costs one byte, as it does in Bandwidth's examples.
func (a *account) encode(m channel.Outbound) ([]byte, error) {
	v := message{
		ApplicationID: a.application,
		To:            []channel.Address{m.To},
		From:          m.From,
		Text:          m.Text,
		Media:         m.Media,
		Tag:           m.Ref,
	}
	if !m.Expires.IsZero() {
		v.Expiration = m.Expires.UTC().Format(time.RFC3339)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return b.Bytes(), err
}

// check refuses what Bandwidth would refuse, before anything leaves.
func check(m channel.Outbound) error {
	switch {
	case m.From == "" && m.Pool != "":
		return refused(channel.ReasonConfig, "there are no pools of senders")
	case m.From == "" || m.From.Kind() == channel.KindOther:
		return refused(channel.ReasonConfig, "sender is not a number, short code or name")
	case m.To.Kind() != channel.KindE164 && m.To.Kind() != channel.KindShortCode:
		return refused(channel.ReasonRecipient, "recipient is not a number")
	case m.Ref != "" && !isRef(m.Ref):
		return refused(channel.ReasonConfig, "ref does not have the form of one")
	case m.Text == "" && len(m.Media) == 0:
		return refused(channel.ReasonContent, "text is empty")
	case utf8.RuneCountInString(m.Text) > maxText:
		return refused(channel.ReasonContent, "text is longer than 2048 characters")
	}
	return refuseMedia(m.Media)
}

// accepted reads the 202. One that we can't read, or that is about another text, says nothing: the outcome is unknown.
func accepted(status int, raw []byte, err error, ref string) (channel.Accepted, error) {
	if err != nil {
		return channel.Accepted{}, unknown(status, err)
	}
	var v struct {
		ID           string          `json:"id"`
		Tag          string          `json:"tag"`
		SegmentCount json.RawMessage `json:"segmentCount"`
	}
	if json.Unmarshal(raw, &v) != nil { // its error would quote the answer, and the answer quotes the text
		return channel.Accepted{}, unknown(status, errBadAnswer)
	}
	if !isID(v.ID) || v.Tag != "" && ref != "" && v.Tag != ref {
		return channel.Accepted{}, unknown(status, errBadAnswer)
	}
	segments, _ := strconv.Atoi(string(v.SegmentCount)) // a count that can't be read isn't worth a text
	return channel.Accepted{ID: v.ID, Status: channel.StatusAccepted, Segments: max(segments, 0)}, nil
}

// isRef reports whether s has the form of [channel.Outbound].Ref.
func isRef(s string) bool {
	if len(s) == 0 || len(s) > maxRef {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}
