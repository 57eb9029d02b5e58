package pgstore_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/rpc"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/pgstore"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/bandwidth"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

// One process of a fleet, seen from inside: this test binary, executed again. The test talks to it by net/rpc over its
// standard input and output, and ends it by closing its input, so that no process outlives its test.

const (
	processVariable = "LIVEDESK_TEST_PROCESS"

	publicURL = "https://desk.example.com/sms"
	workspace = "main"
)

// order is what a process is told at its start.
type order struct {
	Database, Schema  string
	Twilio, Bandwidth string // where the carriers are
	Idle              bool   // Run waits for Control.Run
	Ahead             time.Duration

	Lease, VerdictAfter, Poll, Refresh, WebhookTimeout time.Duration
	IdleTimeout, CommitTimeout                         time.Duration
}

func TestMain(m *testing.M) {
	text := os.Getenv(processVariable)
	if text == "" {
		os.Exit(m.Run())
	}
	var o order
	err := json.Unmarshal([]byte(text), &o)
	if err == nil {
		err = o.work()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "process failed:", err)
		os.Exit(1)
	}
}

// work is the life of a process: it serves until its input ends, then drains.
func (o order) work() error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	c, err := o.open(ctx)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/sms/", c.engine.Webhooks())
	web := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go web.Serve(c.listener)
	if !o.Idle {
		c.run()
	}

	server := rpc.NewServer()
	if err := server.RegisterName("Desk", c); err != nil {
		return err
	}
	server.ServeConn(stdio{os.Stdin, os.Stdout})
	stop()
	if c.running.Load() {
		err = <-c.ended
	}
	return errors.Join(err, web.Shutdown(context.Background())) // webhooks are taken in while it drains
}

type stdio struct {
	io.Reader
	io.WriteCloser
}

func (o order) open(ctx context.Context) (*Control, error) {
	cfg, err := pgxpool.ParseConfig(o.Database)
	if err != nil {
		return nil, err
	}
	// What a host should set. pgx waits for a new connection without end otherwise, and a connection that died without anybody
	// having noticed keeps its place in the pool for 15 s after pgx gave it up: there must be others.
	cfg.ConnConfig.ConnectTimeout, cfg.MaxConns = 2*time.Second, 20
	c := &Control{ctx: ctx, ended: make(chan error, 1)}
	c.ahead.Store(int64(o.Ahead))
	if c.pool, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
		return nil, err
	}
	store, err := pgstore.New(c.pool, pgstore.Config{
		Schema: o.Schema, IdleTimeout: o.IdleTimeout, CommitTimeout: o.CommitTimeout,
		ClockOffset: func() time.Duration { return time.Duration(c.ahead.Load()) },
	})
	if err != nil {
		return nil, err
	}
	if c.engine, err = o.engine(store, slog.New(slog.NewTextHandler(os.Stderr, nil))); err != nil {
		return nil, err
	}
	c.desk = c.engine.Desk(workspace)
	c.listener, err = net.Listen("tcp", "127.0.0.1:0")
	return c, err
}

// engine makes an engine that knows both carriers.
func (o order) engine(store livedesk.Store, log *slog.Logger) (*livedesk.Engine, error) {
	ring, err := livedesk.NewKeyRing(make([]byte, 32))
	if err != nil {
		return nil, err
	}
	return livedesk.New(store, livedesk.Config{
		PublicURL: publicURL, Sealer: ring, Logger: log,
		Providers: []sms.Provider{
			twilio.New(twilio.Config{BaseURL: o.Twilio}),
			bandwidth.New(bandwidth.Config{BaseURL: o.Bandwidth + "/api/v2", TokenURL: o.Bandwidth + "/api/v1/oauth2/token"}),
		},
		Lease: o.Lease, VerdictAfter: o.VerdictAfter, Poll: o.Poll, Refresh: o.Refresh, WebhookTimeout: o.WebhookTimeout,
		FirstReplies: -1,
	})
}

// Control is what a test may ask of a process. net/rpc wants its name, and those of its methods, to be exported.
type Control struct {
	ctx      context.Context
	ahead    atomic.Int64
	pool     *pgxpool.Pool
	engine   *livedesk.Engine
	desk     *livedesk.Desk
	listener net.Listener
	running  atomic.Bool
	ended    chan error
}

// run keeps the engine running. It can't begin while the database is away; a host would begin again.
func (c *Control) run() {
	c.running.Store(true)
	go func() {
		for {
			err := c.engine.Run(c.ctx)
			if c.ctx.Err() != nil {
				c.ended <- err
				return
			}
			slog.Error("engine does not run", "error", err)
			time.Sleep(100 * time.Millisecond)
		}
	}()
}

// Where says where webhooks are taken in.
func (c *Control) Where(_ int, address *string) error {
	*address = c.listener.Addr().String()
	return nil
}

// Run lets the engine of an idle process work.
func (c *Control) Run(int, *int) error {
	c.run()
	return nil
}

// SetAhead moves the store's clock.
func (c *Control) SetAhead(d time.Duration, _ *int) error {
	c.ahead.Store(int64(d))
	return nil
}

// Say is a text of an agent's, or of the host's where Agent is empty.
type Say struct {
	Conversation, Agent, Text, Key string
	Channel                        string // for Start
	To                             channel.Address
}

func (s Say) by() livedesk.Actor {
	if s.Agent == "" {
		return livedesk.Actor{Kind: livedesk.ActorHost}
	}
	return livedesk.AgentActor(s.Agent)
}

// Reply is [livedesk.Desk.Reply].
func (c *Control) Reply(s Say, out *livedesk.Message) error {
	m, err := c.desk.Reply(c.ctx, s.Conversation, s.by(), livedesk.Draft{Text: s.Text, Key: s.Key})
	*out = m
	return coded(err)
}

// Start is [livedesk.Desk.Start].
func (c *Control) Start(s Say, out *livedesk.Message) error {
	m, err := c.desk.Start(c.ctx, s.Channel, s.To, s.by(), livedesk.Draft{Text: s.Text, Key: s.Key})
	*out = m
	return coded(err)
}

// Resolve is [livedesk.Desk.Resolve] by the host.
func (c *Control) Resolve(conversation string, out *livedesk.Conversation) error {
	v, err := c.desk.Resolve(c.ctx, conversation, Say{}.by())
	*out = v
	return coded(err)
}

// Assign is [livedesk.Desk.Assign] by the host, of s.Conversation to s.Agent.
func (c *Control) Assign(s Say, out *livedesk.Conversation) error {
	v, err := c.desk.Assign(c.ctx, s.Conversation, s.Agent, Say{}.by())
	*out = v
	return coded(err)
}

// Present is an agent's presence.
type Present struct {
	Agent    string
	Presence livedesk.Presence
	TTL      time.Duration
}

// SetPresence is [livedesk.Desk.SetPresence].
func (c *Control) SetPresence(p Present, _ *int) error {
	return coded(c.desk.SetPresence(c.ctx, p.Agent, p.Presence, p.TTL))
}

// Agents is [livedesk.Desk.Agents].
func (c *Control) Agents(_ int, out *[]livedesk.Agent) (err error) {
	*out, err = c.desk.Agents(c.ctx)
	return coded(err)
}

// PutChannel is [livedesk.Desk.PutChannel].
func (c *Control) PutChannel(ch livedesk.Channel, out *livedesk.Channel) (err error) {
	*out, err = c.desk.PutChannel(c.ctx, ch)
	return coded(err)
}

// Channel is [livedesk.Desk.Channel].
func (c *Control) Channel(id string, out *livedesk.Channel) (err error) {
	*out, err = c.desk.Channel(c.ctx, id)
	return coded(err)
}

// coded is an error as it goes over net/rpc, which carries nothing but its text.
func coded(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(livedesk.ErrorCode(err) + codeMark + err.Error())
}

const codeMark = ": "
