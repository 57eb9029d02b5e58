package smstest

import (
	"errors"
	"maps"
	"slices"

	"github.com/livedesk/livedesk-go/channel"
)

// BandwidthApplication is the messaging application of a [Bandwidth], as a person sees it in the Bandwidth App. Where
// its callbacks point is where the fake posts: a registered address takes effect at once.
type BandwidthApplication struct {
	Name        string
	ServiceType string            // "Messaging-V2", or "Voice-V2" for one that carries no texts
	Inbound     BandwidthCallback // customers' texts
	Outbound    BandwidthCallback // receipts; without a URL none are posted
	// CallbackTypes are the receipts that are posted, of message-sending, message-delivered and message-failed. Empty
	// means all; message-sent and message-read, which Bandwidth doesn't let one choose, are always posted.
	CallbackTypes []string
	// Extra are further elements of the application's document, by name: Bandwidth adds some without notice.
	Extra map[string]string
}

// BandwidthCallback is an address of a [BandwidthApplication] with the Basic credentials that are sent to it. Without a
// User there are none.
type BandwidthCallback struct{ URL, User, Password string }

// BandwidthLocation is a location (SIP peer) of a [Bandwidth]'s account.
type BandwidthLocation struct {
	// ApplicationID is the messaging application that is linked to it. Empty means none: texts from its numbers are
	// taken, and nothing is ever heard of them; texts to its numbers reach nobody.
	ApplicationID string
	SMSOff        bool // no texts for its numbers
	// Unlisted hides it from the application's own list of locations, as Bandwidth's does at times.
	Unlisted bool
}

// BandwidthPhone is what a [Bandwidth] knows of one number. The zero value is a number in service on the location
// [BandwidthLocationID], with texts on.
type BandwidthPhone struct {
	AccountID  string // empty means the fake's own
	LocationID string // empty means [BandwidthLocationID]
	Status     string // empty means "Inservice"
	SMSOff     bool
	Silent     bool // nothing is said about texts, as for some numbers
}

const messagingV2 = "Messaging-V2"

var (
	errNotLinked  = errors.New("smstest: the number's location is not linked to the application")
	callbackTypes = []string{"message-delivered", "message-failed", "message-sending"}
)

// provision makes the account as a new one is: one application, one location, all numbers on it.
func (b *Bandwidth) provision() {
	creds := BandwidthCallback{User: b.cfg.WebhookUser, Password: b.cfg.WebhookPassword}
	b.app = BandwidthApplication{Name: "Desk", ServiceType: messagingV2, Inbound: creds, Outbound: creds, CallbackTypes: callbackTypes}
	b.app.Outbound.URL = b.cfg.StatusURL
	b.together = b.cfg.StatusURL == ""
	b.locations = map[string]BandwidthLocation{BandwidthLocationID: {ApplicationID: b.cfg.ApplicationID}}
	b.phones = map[channel.Address]BandwidthPhone{}
	for _, n := range b.cfg.Numbers {
		b.phones[n] = BandwidthPhone{}
	}
}

// Application returns the application as it is now, its passwords among it.
func (b *Bandwidth) Application() BandwidthApplication {
	inbound := b.target("")
	b.mu.Lock()
	defer b.mu.Unlock()
	app := b.app
	app.Inbound.URL = inbound
	if b.together {
		app.Outbound.URL = inbound
	}
	app.CallbackTypes, app.Extra = slices.Clone(app.CallbackTypes), maps.Clone(app.Extra)
	return app
}

// SetApplication changes the application, as a person does in the Bandwidth App or a program by its API.
func (b *Bandwidth) SetApplication(app BandwidthApplication) {
	b.Fake.mu.Lock()
	b.hookURL = app.Inbound.URL
	b.Fake.mu.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	app.CallbackTypes, app.Extra = slices.Clone(app.CallbackTypes), maps.Clone(app.Extra)
	b.app, b.together = app, app.Outbound.URL == app.Inbound.URL
}

// SetLocation adds or changes a location (SIP peer), named by its id, digits. All are of the site [BandwidthSiteID].
func (b *Bandwidth) SetLocation(id string, l BandwidthLocation) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.locations[id] = l
}

// SetPhone adds or changes what is known of a number. It doesn't make it a sender; see BandwidthConfig.Numbers.
func (b *Bandwidth) SetPhone(number channel.Address, phone BandwidthPhone) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.phones[number] = phone
}

// phone returns what is known of a number, with what its empty fields mean.
func (b *Bandwidth) phone(number channel.Address) (BandwidthPhone, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p, known := b.phones[number]
	p.AccountID = or(p.AccountID, b.cfg.AccountID)
	p.LocationID = or(p.LocationID, BandwidthLocationID)
	p.Status = or(p.Status, "Inservice")
	return p, known
}

func (b *Bandwidth) location(id string) (BandwidthLocation, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l, known := b.locations[id]
	return l, known
}

// linked reports whether the number's location is linked to the application, so that texts and receipts pass.
func (b *Bandwidth) linked(number channel.Address) bool {
	p, _ := b.phone(number)
	l, _ := b.location(p.LocationID)
	return l.ApplicationID == b.cfg.ApplicationID
}

// statusCallback is where a receipt of this type for a text from that number goes; without a URL, nowhere.
func (b *Bandwidth) statusCallback(from channel.Address, word string) BandwidthCallback {
	app := b.Application()
	wanted := len(app.CallbackTypes) == 0 || !slices.Contains(callbackTypes, word) || slices.Contains(app.CallbackTypes, word)
	if !wanted || !b.linked(from) {
		return BandwidthCallback{}
	}
	return app.Outbound
}
