package console

import (
	"net/http"
	"net/url"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
)

// PhoneText is one text as a simulated phone has it.
type PhoneText struct {
	Mine   bool // the customer wrote it
	Text   string
	Photo  bool // came or went with one
	At     time.Time
	Status string // of a text to the phone, what the carrier says; of the customer's own, whether the desk took it in
	Bad    bool   // it did not arrive
	From   string // "carrier" where the carrier answered by itself
}

// phonePage is a phone: one customer's exchange with one channel.
type phonePage struct {
	Customers []phoneLink
	Channels  []phoneLink
	Customer  Customer
	Channel   livedesk.Channel
	Number    channel.Address
	Texts     []PhoneText
	Draft     string
	Problem   string
}

type phoneLink struct {
	Label, Detail, URL string
	Current            bool
}

func (c *console) showPhone(w http.ResponseWriter, r *http.Request, s *session) error {
	return c.phone(w, r, s, http.StatusOK, "", "")
}

func (c *console) phone(w http.ResponseWriter, r *http.Request, s *session, status int, draft, problem string) error {
	channels, err := c.Desk.Channels(r.Context())
	if err != nil {
		return err
	}
	p := phonePage{Draft: draft, Problem: problem}
	p.Customer = chosen(c.Phones.Customers(), func(k Customer) bool { return string(k.Number) == r.FormValue("customer") })
	p.Channel = chosen(channels, func(ch livedesk.Channel) bool { return ch.ID == r.FormValue("channel") })
	for _, k := range c.Phones.Customers() {
		p.Customers = append(p.Customers, phoneLink{k.Name, number(k.Number), phoneURL(k, p.Channel), k == p.Customer})
	}
	for _, ch := range channels {
		p.Channels = append(p.Channels, phoneLink{ch.Name(), number(c.channelNumber(ch)), phoneURL(p.Customer, ch), ch.ID == p.Channel.ID})
	}
	if p.Channel.ID != "" {
		p.Number = c.channelNumber(p.Channel)
		p.Texts = c.Phones.Thread(p.Channel, p.Customer.Number)
	}
	c.render(w, r, s, status, "phone", p)
	return nil
}

// chosen returns the first of a list that is meant, else the first.
func chosen[T any](list []T, meant func(T) bool) (first T) {
	for _, v := range list {
		if meant(v) {
			return v
		}
	}
	if len(list) > 0 {
		first = list[0]
	}
	return first
}

func phoneURL(k Customer, ch livedesk.Channel) string {
	return "/phone?" + url.Values{"customer": {string(k.Number)}, "channel": {ch.ID}}.Encode()
}

func (c *console) textFromPhone(w http.ResponseWriter, r *http.Request, s *session) error {
	ch, err := c.Desk.Channel(r.Context(), r.PostFormValue("channel"))
	if err != nil {
		return err
	}
	text, photo := r.PostFormValue("text"), r.PostFormValue("do") == "photo"
	k := chosen(c.Phones.Customers(), func(k Customer) bool { return string(k.Number) == r.PostFormValue("customer") })
	if text == "" && !photo {
		return c.phone(w, r, s, http.StatusUnprocessableEntity, "", "Write something first.")
	}
	if err := c.Phones.Text(r.Context(), ch, k.Number, text, photo); err != nil {
		return c.phone(w, r, s, http.StatusBadGateway, text, "The carrier did not get it through: "+err.Error())
	}
	http.Redirect(w, r, phoneURL(k, ch), http.StatusSeeOther)
	return nil
}
