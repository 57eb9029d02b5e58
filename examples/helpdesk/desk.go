package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/livedesk/livedesk-go/examples/helpdesk/console"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/memstore"
	"github.com/livedesk/livedesk-go/livedesk/sqlitestore"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/bandwidth"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

// workspace is the only one: a host with many customers of its own has one for each.
const workspace = "main"

// helpdesk is everything that runs.
type helpdesk struct {
	options
	listener   net.Listener
	store      livedesk.Store
	engine     *livedesk.Engine
	carriers   *carriers // nil with real ones
	server     *http.Server
	passphrase string
	closers    []func() error
}

// open opens the desk on its address. What was opened is closed again where it fails.
func open(ctx context.Context, o options, log *slog.Logger) (*helpdesk, error) {
	h := &helpdesk{options: o}
	// The listener comes first: with port 0 its address is needed for the public URL.
	for _, step := range []func(context.Context, *slog.Logger) error{h.listen, h.openStore, h.openEngine} {
		if err := step(ctx, log); err != nil {
			h.close()
			return nil, err
		}
	}
	h.openConsole(log)
	return h, nil
}

func (h *helpdesk) listen(ctx context.Context, _ *slog.Logger) (err error) {
	if h.listener, err = new(net.ListenConfig).Listen(ctx, "tcp", h.addr); err != nil {
		return fmt.Errorf("can't listen on %s, choose another -addr: %w", h.addr, err)
	}
	h.closers = append(h.closers, func() error {
		if err := h.listener.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	return nil
}

func (h *helpdesk) openStore(ctx context.Context, log *slog.Logger) error {
	if h.options.store == "memory" {
		h.store = memstore.New()
		return nil
	}
	if _, err := sealerFor(h.options.store); err != nil { // before the file exists, so that a lost key is seen
		return err
	}
	store, err := sqlitestore.Open(ctx, h.options.store, sqlitestore.Config{Logger: log})
	if err != nil {
		return fmt.Errorf("open the store: %w", err)
	}
	h.store = store
	h.closers = append(h.closers, store.Close)
	return nil
}

func (h *helpdesk) openEngine(ctx context.Context, log *slog.Logger) (err error) {
	cfg := livedesk.Config{PublicURL: h.base() + "/sms", Logger: log}
	if h.options.store != "memory" {
		if cfg.Sealer, err = sealerFor(h.options.store); err != nil {
			return err
		}
	}
	if h.real {
		cfg.Providers = []sms.Provider{twilio.New(twilio.Config{}), bandwidth.New(bandwidth.Config{})}
	} else {
		if h.carriers, err = openCarriers(h.pace); err != nil {
			return err
		}
		h.closers = append(h.closers, h.carriers.close)
		cfg.Providers, cfg.AIAgents = h.carriers.providers(), bots()
	}
	if h.engine, err = livedesk.New(h.store, cfg); err != nil {
		return err
	}
	desk := h.engine.Desk(workspace)
	if err := seed(ctx, desk, !h.real); err != nil {
		return fmt.Errorf("first start: %w", err)
	}
	if h.carriers != nil {
		return h.carriers.connect(ctx, h.engine, desk)
	}
	return nil
}

func (h *helpdesk) openConsole(log *slog.Logger) {
	cfg := console.Config{Engine: h.engine, Desk: h.engine.Desk(workspace), Hosts: h.hosts(),
		SecureCookies: strings.HasPrefix(h.publicURL, "https://"), Logger: log}
	if h.carriers != nil {
		cfg.Phones = h.carriers
	}
	if h.public {
		h.passphrase = rand.Text()
		cfg.Passphrase = h.passphrase
	}
	mux := http.NewServeMux()
	// Webhooks stand beside the console: no session, no cookie; what they say is verified over the public URL.
	mux.Handle("/sms/", h.engine.Webhooks())
	mux.Handle("/", console.New(cfg))
	h.server = &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 5 * time.Second, // a client that sends a byte at a time must not hold a connection
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// base is the public address without the prefix of webhooks.
func (h *helpdesk) base() string {
	if h.publicURL != "" {
		return strings.TrimRight(h.publicURL, "/")
	}
	return "http://" + h.listener.Addr().String()
}

// hosts are the names that the console answers to.
func (h *helpdesk) hosts() []string {
	addr := h.listener.Addr().String()
	_, port, _ := net.SplitHostPort(addr)
	list := []string{addr, h.addr, net.JoinHostPort("127.0.0.1", port), net.JoinHostPort("localhost", port), net.JoinHostPort("::1", port)}
	if port == "80" { // which browsers leave out
		list = append(list, "127.0.0.1", "localhost", "[::1]")
	}
	if u, err := url.Parse(h.publicURL); err == nil && u.Host != "" {
		list = append(list, u.Host)
	}
	return list
}

// greet says where everything is.
func (h *helpdesk) greet(out io.Writer) {
	where := "in memory, gone when it stops"
	if path, err := filepath.Abs(h.options.store); err == nil && h.options.store != "memory" {
		where = path + " (credentials sealed with " + filepath.Base(path) + ".key)"
	}
	carriers := "simulated, no phone is reached"
	if h.real {
		carriers = "real, calling " + h.base() + "/sms/"
	}
	fmt.Fprintf(out, "Helpdesk   %s\nStore      %s\nCarriers   %s\n", consoleURL(h.listener), where, carriers)
	if h.passphrase != "" {
		fmt.Fprintf(out, "Passphrase %s\n", h.passphrase)
	}
	fmt.Fprintln(out, "Ctrl-C stops it.")
}

func consoleURL(l net.Listener) string { return "http://" + l.Addr().String() + "/" }

// serve runs the web server and the engine until ctx ends. The engine drains first, while webhooks are still taken in:
// receipts of the texts that are in flight then settle them.
func (h *helpdesk) serve(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	served := make(chan error, 1)
	go func() {
		err := h.server.Serve(h.listener)
		if !errors.Is(err, http.ErrServerClosed) {
			stop(err)
		}
		served <- err
	}()
	err := h.engine.Run(ctx)
	if errors.Is(err, context.Canceled) { // stopped before it had begun
		err = nil
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err = errors.Join(err, h.server.Shutdown(end))
	if e := <-served; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return err
}

// close closes what was opened, the last first.
func (h *helpdesk) close() {
	for i := len(h.closers) - 1; i >= 0; i-- {
		if err := h.closers[i](); err != nil {
			slog.Warn("close", slog.Any("error", err))
		}
	}
	h.closers = nil
}
