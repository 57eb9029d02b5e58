package console

import (
	"crypto/rand"
	"net/http"
	"strings"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
)

// startPage is the form for writing to a customer first.
type startPage struct {
	Channels               []livedesk.Channel
	Channel, To, Text, Key string
	Problem                string
	Measured               bool
}

func (c *console) showStart(w http.ResponseWriter, r *http.Request, s *session) error {
	return c.startForm(w, r, s, http.StatusOK, startPage{})
}

func (c *console) startForm(w http.ResponseWriter, r *http.Request, s *session, status int, p startPage) (err error) {
	if p.Channels, err = c.Desk.Channels(r.Context()); err != nil {
		return err
	}
	p.Key = rand.Text()
	c.render(w, r, s, status, "start", p)
	return nil
}

func (c *console) start(w http.ResponseWriter, r *http.Request, s *session) error {
	p := startPage{Channel: r.PostFormValue("channel"), To: r.PostFormValue("to"), Text: r.PostFormValue("text"), Measured: true}
	to := channel.Address(strings.NewReplacer(" ", "", "-", "", "(", "", ")", "").Replace(p.To))
	if to.Kind() != channel.KindE164 {
		p.Problem = "The number must begin with + and the country code, such as +14155550123."
		return c.startForm(w, r, s, http.StatusUnprocessableEntity, p)
	}
	m, err := c.Desk.Start(r.Context(), p.Channel, to, s.actor(), livedesk.Draft{Text: p.Text, Key: r.PostFormValue("key")})
	if err != nil {
		p.Problem = plainError(err)
		return c.startForm(w, r, s, statusOf(err), p)
	}
	back(w, r, m.Conversation)
	return nil
}
