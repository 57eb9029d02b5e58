package livedesk

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/livedesk/livedesk-go/hours"
	"github.com/livedesk/livedesk-go/routing"
	"github.com/livedesk/livedesk-go/sms"
)

// Config sets up an [Engine]. The zero Config works: it takes nothing in and sends nothing, for it has no providers,
// but conversations, agents and lists work. New copies it.
type Config struct {
	// PublicURL is the public address of [Engine.Webhooks], with the prefix under which the host mounted it
	// ("https://desk.example.com/sms"). Carriers are told addresses below it, and signatures are verified over it,
	// never over what a request says of itself. Required as soon as there are Providers; https, or http for tests.
	PublicURL string
	// Providers open the stored channels that name them. A channel whose provider isn't here is kept, and is not in
	// service.
	Providers []sms.Provider
	// Sealer seals the credentials of channels before they reach the Store. Required for a durable Store with
	// Providers; see [NewKeyRing].
	Sealer Sealer
	// Router decides first where a conversation goes; nil, and a pass, mean the workspace's rules ([Desk.PutRules]),
	// then the channel's AI agents, then its human ones. It is asked before anything is locked, so
	// [routing.Facts] Available is nil: a router names several targets, of which the first with somebody free counts, and
	// what is to happen when none has. With [routing.NextRule] the rules are walked then.
	Router routing.Router
	// AIAgents are the AI agents that channels and rules may name; see [AIConfig] for what other processes should have.
	AIAgents []AIConfig
	// AIWorkers is how many turns of AI agents are taken at the same time. Zero means 16.
	AIWorkers int
	// AIReplies is how many turns AI agents take for one contact within any hour, on all channels together, whether or not
	// the answers count. Beyond that humans take over. They don't count as automatic texts. Two turns on two channels at the
	// same moment may not see each other. Zero means 20; negative means no limit.
	AIReplies int
	// ContactSource tells what the host knows of new contacts, before they are routed. nil means that nobody is asked.
	ContactSource ContactSource
	// BusinessHours are business hours of the host's own making, by id: what [Channel] Schedule and [Desk.SetTeamSchedule] may
	// name in any workspace, beside the workspace's own schedules. Every process should have the same. Hours that panic, and an
	// id that a process wasn't given, count as open, and are logged.
	BusinessHours map[string]hours.BusinessHours
	// Hooks are told what happened, after it was committed.
	Hooks Hooks
	// Logger gets what went wrong in the background. nil means slog.Default(). Texts, full numbers and credentials
	// are never logged.
	Logger *slog.Logger

	// ReopenWindow is for how long a customer's message reopens a resolved conversation. Zero means 24 h; negative
	// means never.
	ReopenWindow time.Duration
	// ReplyWindow is for how long a customer's answer to a notification opens its conversation. Zero means 72 h;
	// negative means never: the answer begins a new one.
	ReplyWindow time.Duration

	// Retention is for how long a resolved conversation is kept after it was last active, with its messages; then it is
	// deleted, once a day in small slices, as if it had never been, but for the contact and its consent. Zero means for ever;
	// it can't be negative, nor shorter than the two windows above. The keys by which a text that comes twice is known are
	// kept for 400 days whatever this says.
	Retention time.Duration

	// RotationWindow is for how long credentials and webhook keys that were replaced still count in webhooks, and how long
	// the credentials of a connection without channels are kept. Zero means 24 h; negative means not at all.
	RotationWindow time.Duration

	// Workers is how many texts are handed to carriers at the same time. Zero means 32.
	Workers int
	// Lease is for how long a worker has a text or job to itself; it must be well above a provider's time limit.
	// Zero means 60 s.
	Lease time.Duration
	// VerdictAfter is how long a text whose outcome is unknown waits for a receipt, and is looked for in the carrier's own
	// list where it has one ([sms.Lister]), before it is [Unconfirmed]; later texts of its conversation wait with it. Zero
	// means 15 min.
	VerdictAfter time.Duration
	// RepeatAbsent lets a human's text be sent again by itself, instead of becoming [Unconfirmed], when the carrier was
	// asked twice or oftener, at the last shortly before VerdictAfter, and had nothing that could be it. No carrier promises
	// that its list is complete, so some customers may get such a text twice: at least once instead of at most once. It
	// never holds for automatic texts and AI replies, and not where the carrier can't list. The default, false, leaves it to
	// a person, see [Desk.Resend].
	RepeatAbsent bool
	// ExpireHuman, ExpireAI and ExpireAutomatic are how long a text of that class may wait to be sent. Zero means
	// 24 h, 15 min and 4 h; negative means without end.
	ExpireHuman, ExpireAI, ExpireAutomatic time.Duration
	// FirstReplies is how many texts a channel sends by itself in an hour to answer customers who wait for a human (greetings
	// and closed-hours texts): so many at once, and then as they come back, one by one, over the hour. What is beyond is not
	// sent, and the channel's [Health] warns: somebody may be pumping texts through the desk. Other texts aren't touched.
	// Zero means 1000; negative means no limit.
	FirstReplies int
	// BackfillEvery is how often each connection whose carrier can list messages ([sms.Lister]) is asked for texts that no
	// webhook brought, while Run is going; and once when Run begins, for what came since it was asked last, at most 7 days.
	// One process of the fleet does it. A list costs a request for each 200 texts or so, of the last hour and 5 min. Zero
	// means 1 h; negative means not by itself, see [Desk.Backfill].
	BackfillEvery time.Duration
	// Poll is how often the store is asked for work that another process left. Zero means 250 ms.
	Poll time.Duration
	// Refresh is how often changed configuration of other processes is read. Zero means 1 s.
	Refresh time.Duration
	// DrainTimeout is how long Run finishes what is in flight after its context ended. Zero means 15 s.
	DrainTimeout time.Duration

	// WebhookTimeout is how long a webhook may take before it is answered 503. Zero means 8 s (Bandwidth waits 10).
	WebhookTimeout time.Duration
	// MaxWebhookBytes is the largest webhook body. Zero means 256 KiB.
	MaxWebhookBytes int64
	// MaxMediaBytes is the largest file that [Desk.FetchMedia] reads. Zero means [sms.DefaultMaxMedia], 10 MiB.
	MaxMediaBytes int64
}

func (c Config) withDefaults() Config {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&c.ReopenWindow, 24*time.Hour)
	def(&c.ReplyWindow, 72*time.Hour)
	def(&c.RotationWindow, 24*time.Hour)
	def(&c.Lease, time.Minute)
	def(&c.VerdictAfter, 15*time.Minute)
	def(&c.ExpireHuman, 24*time.Hour)
	def(&c.ExpireAI, 15*time.Minute)
	def(&c.ExpireAutomatic, 4*time.Hour)
	def(&c.BackfillEvery, time.Hour)
	def(&c.Poll, 250*time.Millisecond)
	def(&c.Refresh, time.Second)
	def(&c.DrainTimeout, 15*time.Second)
	def(&c.WebhookTimeout, 8*time.Second)
	if c.Workers == 0 {
		c.Workers = 32
	}
	if c.AIWorkers == 0 {
		c.AIWorkers = 16
	}
	if c.AIReplies == 0 {
		c.AIReplies = 20
	}
	if c.FirstReplies == 0 {
		c.FirstReplies = 1000
	}
	c.AIAgents = slices.Clone(c.AIAgents)
	for i, a := range c.AIAgents {
		c.AIAgents[i] = a.withDefaults()
	}
	if c.MaxWebhookBytes == 0 {
		c.MaxWebhookBytes = 256 << 10
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	c.PublicURL = strings.TrimRight(c.PublicURL, "/")
	return c
}

// check returns every problem at once, by field.
func (c Config) check(durable bool) error {
	var errs []error
	bad := func(field, problem string) { errs = append(errs, invalid(field, problem)) }
	if len(c.Providers) > 0 && c.PublicURL == "" {
		bad("PublicURL", "is required with Providers")
	}
	if c.PublicURL != "" {
		if p := urlProblem(c.PublicURL); p != "" {
			bad("PublicURL", p)
		}
	}
	names := map[string]bool{}
	for i, p := range c.Providers {
		field := fmt.Sprintf("Providers[%d]", i)
		switch {
		case p == nil:
			bad(field, "is nil")
		case p.Name() == "":
			bad(field, "has no name")
		case names[p.Name()]:
			bad(field, "has the name of another one")
		default:
			names[p.Name()] = true
		}
	}
	if durable && len(c.Providers) > 0 && c.Sealer == nil {
		bad("Sealer", "is required: this Store keeps credentials beyond the process")
	}
	for _, d := range []struct {
		field string
		value time.Duration
	}{
		{"Lease", c.Lease}, {"VerdictAfter", c.VerdictAfter}, {"Poll", c.Poll}, {"Refresh", c.Refresh},
		{"DrainTimeout", c.DrainTimeout}, {"WebhookTimeout", c.WebhookTimeout}, {"Retention", c.Retention},
	} {
		if d.value < 0 {
			bad(d.field, "can't be negative")
		}
	}
	if longest := max(c.ReopenWindow, c.ReplyWindow); c.Retention > 0 && c.Retention < longest {
		bad("Retention", "is below ReopenWindow or ReplyWindow: who answers would find the conversation gone")
	}
	if c.Lease > 0 && c.Lease < time.Second {
		bad("Lease", "is below 1 s")
	}
	if c.Workers < 0 {
		bad("Workers", "can't be negative")
	}
	errs = append(errs, checkAIs(c.AIAgents)...)
	for id, h := range c.BusinessHours {
		field := fmt.Sprintf("BusinessHours[%q]", id)
		if err := checkID(field, id); err != nil {
			errs = append(errs, err)
		} else if h == nil {
			bad(field, "is nil")
		}
	}
	if c.AIWorkers < 0 {
		bad("AIWorkers", "can't be negative")
	}
	if c.AIReplies > maxAIReplies {
		bad("AIReplies", "is above 100000")
	}
	if c.MaxWebhookBytes < 0 {
		bad("MaxWebhookBytes", "can't be negative")
	}
	if c.MaxMediaBytes < 0 {
		bad("MaxMediaBytes", "can't be negative")
	}
	return errors.Join(errs...)
}

func urlProblem(s string) string {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return "is not a URL"
	case u.Scheme != "https" && u.Scheme != "http":
		return "must begin with https:// (or http:// in tests)"
	case u.Hostname() == "":
		return "has no host"
	case strings.Contains(u.Hostname(), "_"):
		return "has a host name with an underscore, which Twilio refuses"
	case u.User != nil, u.RawQuery != "", u.Fragment != "":
		return "must have no user, query or fragment"
	}
	return ""
}
