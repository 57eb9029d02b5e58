package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

// bench is a desk and its reference on one database, with the carrier that both work for.
type bench struct {
	options
	log     *slog.Logger
	meter   meter
	db      *database
	ids     ids
	sids    atomic.Uint64
	rows    atomic.Uint64
	people  atomic.Uint64 // customers so far
	carrier *carrier
	lines   []*line
	idle    int64 // bytes in memory before anything happened
}

func openBench(ctx context.Context, o options) (*bench, error) {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	db, err := openDatabase(ctx, o, log)
	if err != nil {
		return nil, err
	}
	b := &bench{options: o, log: log, db: db, meter: newMeter(db.backend), ids: ids{o.seed}}
	b.carrier = newCarrier(b.ids, &b.sids)
	if err := b.look(ctx); err != nil {
		return nil, errors.Join(err, db.close())
	}
	return b, nil
}

func (b *bench) close() error {
	for _, l := range b.lines {
		l.client.close()
	}
	return b.db.close()
}

// workspace is this run's own.
func (b *bench) workspace() string { return fmt.Sprintf("load-%d", b.seed) }

// look sees to it that the workspace is a new one, and measures the desk at rest.
func (b *bench) look(ctx context.Context) error {
	d, err := b.open(nil)
	if err != nil {
		return err
	}
	channels, err := d.Channels(ctx)
	if err != nil {
		return err
	}
	if len(channels) > 0 {
		return errors.New("a run with this -seed has been in this database before; choose another one")
	}
	if _, err := b.addChannel(ctx, d, "+15105550100"); err != nil {
		return err
	}
	stop := d.start(ctx)
	time.Sleep(300 * time.Millisecond) // two rounds of every loop
	runtime.GC()
	debug.FreeOSMemory()
	b.idle = b.meter.memory()
	return stop()
}

// running is the engines that share the work, with the desk of the first.
type running struct {
	*livedesk.Desk
	engines []*livedesk.Engine
}

// open opens other engines on the store, as other processes would.
func (b *bench) open(change func(*livedesk.Config)) (*running, error) {
	r := &running{}
	for _, store := range b.db.stores {
		e, err := b.engine(store, change)
		if err != nil {
			return nil, err
		}
		r.engines = append(r.engines, e)
	}
	r.Desk = r.engines[0].Desk(b.workspace())
	return r, nil
}

func (b *bench) engine(store livedesk.Store, change func(*livedesk.Config)) (*livedesk.Engine, error) {
	key := sha256.Sum256([]byte("the credentials of a load test are no secret"))
	ring, err := livedesk.NewKeyRing(key[:])
	if err != nil {
		return nil, err
	}
	cfg := livedesk.Config{
		PublicURL: publicURL, Providers: []sms.Provider{twilio.New(twilio.Config{Transport: b.carrier})},
		Sealer: ring, Logger: b.log,
	}
	if change != nil {
		change(&cfg)
	}
	return livedesk.New(store, cfg)
}

// start runs the engines until the function that it returns is called.
func (r *running) start(ctx context.Context) (stop func() error) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, len(r.engines))
	for _, e := range r.engines {
		go func() { ended <- e.Run(ctx) }()
	}
	return func() error {
		cancel()
		var errs []error
		for range r.engines {
			if err := <-ended; !errors.Is(err, context.Canceled) { // a turn may be over before Run looked at the store
				errs = append(errs, err)
			}
		}
		return errors.Join(errs...)
	}
}

// webhooks gives each request to the next engine, as a balancer would.
func (r *running) webhooks() http.Handler {
	handlers := make([]http.Handler, len(r.engines))
	for i, e := range r.engines {
		handlers[i] = e.Webhooks()
	}
	var turn atomic.Uint64
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		handlers[turn.Add(1)%uint64(len(handlers))].ServeHTTP(w, q)
	})
}

// addChannel adds a channel without a limit on what it sends, on the carrier's one account.
func (b *bench) addChannel(ctx context.Context, d *running, number channel.Address) (livedesk.Channel, error) {
	return d.PutChannel(ctx, livedesk.Channel{Provider: twilio.Name, Rate: -1, Values: twilio.Setup{
		Name: "Load " + string(number[len(number)-2:]), PhoneNumber: number, AccountSID: b.ids.account(), AuthToken: sms.NewSecret(authToken),
	}.Values()})
}

// line is a channel with an engine for it and the client that writes to it.
type line struct {
	*running
	channel livedesk.Channel
	number  channel.Address
	webhook string
	client  *client
}

// openLine opens an engine with a channel of its own number.
func (b *bench) openLine(ctx context.Context, number channel.Address, change func(*livedesk.Config)) (*line, error) {
	d, err := b.open(change)
	if err != nil {
		return nil, err
	}
	ch, err := b.addChannel(ctx, d, number)
	if err != nil {
		return nil, err
	}
	webhook, err := d.WebhookURL(ctx, ch.ID)
	if err != nil {
		return nil, err
	}
	l := &line{running: d, channel: ch, number: number, webhook: webhook}
	l.client = newClient(d.webhooks(), bareWebhooks(b.db.bare))
	b.lines = append(b.lines, l)
	if b.sockets {
		err = l.client.listen()
	}
	return l, err
}

// write lets customer n write a text.
func (b *bench) write(ctx context.Context, l *line, to side, n, k uint64) error {
	return l.client.post(ctx, to, l.webhook, inboundForm(b.ids.account(), b.ids.sid(b.sids.Add(1)), address(n), l.number, text(n, k)))
}

// carrierCost measures the processor time that a thousand requests cost the carrier, in seconds: making, signing and
// posting them to a handler that does nothing. It is in both sides' figures, and is taken out of them.
func (b *bench) carrierCost(ctx context.Context) float64 {
	nothing := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	l := &line{number: "+15105550100", webhook: publicURL + "/ABCDEFGHIJKLMNOPQRSTUVWXYZ", client: newClient(nothing, nothing)}
	defer l.client.close()
	if b.sockets && l.client.listen() != nil {
		return 0
	}
	t := b.meter.clocked(func() turn {
		return drive(ctx, 4, min(b.duration, time.Second), func(ctx context.Context, n uint64) error {
			return l.client.post(ctx, bare, l.webhook, inboundForm(b.ids.account(), b.ids.sid(n), address(n), l.number, text(n, 0)))
		})
	})
	return t.per1000(t.cpu)
}

// send posts a text to the carrier as the reference does, without a library.
func (b *bench) send(ctx context.Context, from, to channel.Address, body string) error {
	form := url.Values{"To": {string(to)}, "From": {string(from)}, "Body": {body}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://api.twilio.com/Messages.json", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.SetBasicAuth(b.ids.account(), authToken)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := (&http.Client{Transport: b.carrier}).Do(r)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.Body.Close()
}
