package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/examples/helpdesk/console"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/bandwidth"
	"github.com/livedesk/livedesk-go/sms/smstest"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

// off is a phone that is switched off, to see what a text that does not arrive looks like.
const off channel.Address = "+14155550199"

var customers = []console.Customer{
	{Name: "Maya Lindqvist", Number: "+14155550123"},
	{Name: "Tom Becker", Number: "+14155550134"},
	{Name: "Zoë Haddad", Number: "+12065550145"},
	{Name: "Sam Rivera", Number: "+13125550156"},
	{Name: "Priya Nair", Number: "+16465550167"},
	{Name: "Otto Brandt", Number: off, Note: "switched off, texts don’t arrive"},
}

// carriers are both simulated carriers, on loopback, with the phones of their customers. It is the console.Phones of
// this program. What the phones have seen is kept in memory only.
type carriers struct {
	twilio    *smstest.Twilio
	bandwidth *smstest.Bandwidth
	desk      *livedesk.Desk
	webhooks  http.RoundTripper

	mu    sync.Mutex
	typed []typed
}

// typed is a text that a customer wrote.
type typed struct {
	channel string
	from    channel.Address
	console.PhoneText
}

var _ console.Phones = (*carriers)(nil)

// maxTyped bounds what the phones remember.
const maxTyped = 5000

// openCarriers opens both. pace is how long a text is on its way to the phone.
func openCarriers(pace time.Duration) (*carriers, error) {
	receipts := func(s smstest.Sent) []smstest.Step { return receipts(s, pace) }
	t, err := smstest.OpenTwilio(smstest.TwilioConfig{Receipts: receipts})
	if err != nil {
		return nil, err
	}
	b, err := smstest.OpenBandwidth(smstest.BandwidthConfig{Receipts: receipts})
	if err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return &carriers{twilio: t, bandwidth: b}, nil
}

// receipts is what a carrier reports of a text: on its way, then arrived or not.
func receipts(s smstest.Sent, pace time.Duration) []smstest.Step {
	last := smstest.Step{Status: channel.StatusDelivered, After: pace / 2}
	if s.To == off {
		last.Status = channel.StatusUndelivered
	}
	return []smstest.Step{{Status: channel.StatusSent, After: pace / 2}, last}
}

// providers are the real adapters, pointed at the simulated carriers over real HTTP.
func (c *carriers) providers() []sms.Provider {
	return []sms.Provider{
		twilio.New(twilio.Config{BaseURL: c.twilio.URL()}),
		bandwidth.New(bandwidth.Config{BaseURL: c.bandwidth.URL() + "/api/v2", DashboardURL: c.bandwidth.URL() + "/api/v2",
			TokenURL: c.bandwidth.URL() + "/api/v1/oauth2/token"}),
	}
}

func (c *carriers) close() error { return errors.Join(c.twilio.Close(), c.bandwidth.Close()) }

// Customers implements console.Phones.
func (c *carriers) Customers() []console.Customer { return slices.Clone(customers) }

// connect tells the carriers where the webhooks of a desk's channels are. They take the way through the engine's handler
// itself, so that they arrive whatever address the console has.
func (c *carriers) connect(ctx context.Context, engine *livedesk.Engine, desk *livedesk.Desk) error {
	c.desk, c.webhooks = desk, smstest.HandlerTransport(engine.Webhooks())
	channels, err := desk.Channels(ctx)
	if err != nil {
		return err
	}
	for _, ch := range channels {
		if err := c.point(ctx, ch); err != nil {
			return err
		}
	}
	return nil
}

// carrier is what the phones need of a simulated carrier.
type carrier interface {
	smstest.Carrier
	Replies() []smstest.Sent
	AddMedia(smstest.Media) string
}

func (c *carriers) of(ch livedesk.Channel) (carrier, error) {
	switch ch.Provider {
	case twilio.Name:
		return c.twilio, nil
	case bandwidth.Name:
		return c.bandwidth, nil
	}
	return nil, fmt.Errorf("there is no simulated %s", ch.Provider)
}

func (c *carriers) point(ctx context.Context, ch livedesk.Channel) error {
	k, err := c.of(ch)
	if err != nil {
		return err
	}
	url, err := c.desk.WebhookURL(ctx, ch.ID)
	if err != nil {
		return err
	}
	if ch.Provider == twilio.Name {
		url += "#rc=5&rp=all" // as it must be entered in Twilio's console
	}
	k.SetWebhooks(url, c.webhooks)
	return nil
}

// Text implements console.Phones.
func (c *carriers) Text(ctx context.Context, to livedesk.Channel, from channel.Address, body string, photo bool) error {
	k, err := c.of(to)
	if err != nil {
		return err
	}
	if err := c.point(ctx, to); err != nil {
		return err
	}
	text := typed{to.ID, from, console.PhoneText{Mine: true, Text: body, Photo: photo, At: time.Now()}}
	sms := smstest.Text{From: from, To: sender(to), Body: body}
	if photo {
		sms.Media = []string{k.AddMedia(smstest.Media{Body: takePhoto(), ContentType: "image/png", Name: "photo.png"})}
	}
	d, err := k.Deliver(ctx, sms)
	if err != nil {
		return err
	}
	text.Status, text.Bad = "taken in by the desk", !d.OK()
	if text.Bad {
		text.Status = fmt.Sprintf("refused by the desk with status %d", d.Status)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.typed = append(c.typed, text)
	if len(c.typed) > maxTyped {
		c.typed = slices.Delete(c.typed, 0, len(c.typed)-maxTyped)
	}
	return nil
}

// sender is the number of a channel; empty for a pool, whose first number the carrier then takes.
func sender(ch livedesk.Channel) channel.Address { return channel.Address(ch.Values["phone_number"]) }

// Thread implements console.Phones.
func (c *carriers) Thread(with livedesk.Channel, customer channel.Address) []console.PhoneText {
	k, err := c.of(with)
	if err != nil {
		return nil
	}
	var out []console.PhoneText
	c.mu.Lock()
	for _, t := range c.typed {
		if t.channel == with.ID && t.from == customer {
			out = append(out, t.PhoneText)
		}
	}
	c.mu.Unlock()
	own := sender(with)
	for _, s := range k.Sent() {
		if s.To == customer && (own == "" || s.From == own) {
			out = append(out, console.PhoneText{Text: s.Body, At: s.At, Status: word(s), Bad: lost(s)})
		}
	}
	for _, s := range k.Replies() {
		if s.To == customer && (own == "" || s.From == own) {
			out = append(out, console.PhoneText{Text: s.Body, At: s.At, Status: "delivered", From: "from the carrier itself"})
		}
	}
	slices.SortStableFunc(out, func(a, b console.PhoneText) int { return cmp.Compare(a.At.UnixNano(), b.At.UnixNano()) })
	return out
}

func lost(s smstest.Sent) bool {
	return s.Status == channel.StatusUndelivered || s.Status == channel.StatusFailed
}

func word(s smstest.Sent) string {
	switch {
	case lost(s):
		return "never arrived"
	case s.Status == channel.StatusDelivered:
		return "delivered"
	}
	return "on its way"
}

// takePhoto makes a picture: a sky above a field.
func takePhoto() []byte {
	img := image.NewRGBA(image.Rect(0, 0, 320, 200))
	for y := range 200 {
		c := color.RGBA{90, uint8(140 + y/2), 220, 255}
		if y > 140 {
			c = color.RGBA{60, uint8(200 - y/3), 70, 255}
		}
		for x := range 320 {
			img.SetRGBA(x, y, c)
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err) // an image in memory can be written to memory
	}
	return b.Bytes()
}
