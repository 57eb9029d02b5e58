// Package console is a web console for one desk: inbox, conversations, agents, channels, and phones to play the customer
// with. It renders HTML on the server, uses nothing but the public API of livedesk, and needs no JavaScript; a small
// script keeps what is on the screen fresh.
//
// It is an example to copy from. In a real host the sign-in page is the host's own login, and authorization (who may
// change a channel?) is decided where a handler calls the desk.
package console

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
)

// Config is what a console shows and whom it lets in. Engine, Desk and Hosts are required.
type Config struct {
	Engine *livedesk.Engine
	Desk   *livedesk.Desk
	// Hosts are the values of the Host header that are answered, port included. Any other is refused, so that a
	// foreign page can't reach a console on loopback through a name of its own (DNS rebinding).
	Hosts []string
	// Passphrase must be given to sign in. Empty asks for none, which is for loopback only.
	Passphrase string
	// SecureCookies marks the session cookie Secure; set it where the console is behind https.
	SecureCookies bool
	// Phones play the customers. nil turns the simulator's pages off.
	Phones Phones
	// Logger gets failures that are ours. nil means slog.Default().
	Logger *slog.Logger
}

// Phones are simulated customers. All methods are safe for concurrent use.
type Phones interface {
	// Customers returns the phones, always in the same order.
	Customers() []Customer
	// Text sends a customer's text to the number of a channel, as the customer's carrier would, with a photo if wanted.
	Text(ctx context.Context, to livedesk.Channel, from channel.Address, body string, photo bool) error
	// Thread returns what the phone has of its exchange with a channel's number, the oldest first.
	Thread(with livedesk.Channel, customer channel.Address) []PhoneText
}

// Customer is a person with a simulated phone.
type Customer struct {
	Name   string
	Number channel.Address
	Note   string // what is special about this phone; empty for nothing
}

type console struct {
	Config
	sessions *sessions
}

// New returns the console as a handler for the root of a host. It panics where Config lacks what is required: that is a
// mistake of the program.
func New(cfg Config) http.Handler {
	if cfg.Engine == nil || cfg.Desk == nil || len(cfg.Hosts) == 0 {
		panic("console: Engine, Desk and Hosts are required")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	c := &console{Config: cfg, sessions: newSessions()}
	return c.guard(c.routes())
}

func (c *console) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("GET /static/", staticFiles())
	mux.HandleFunc("GET /rules/schema.json", showSchema)
	mux.HandleFunc("GET /sign-in", c.showSignIn)
	mux.HandleFunc("POST /sign-in", c.signIn)
	for pattern, h := range map[string]handler{
		"POST /sign-out": c.signOut,

		"GET /{$}":   c.showInbox,
		"GET /inbox": c.showInbox,

		"GET /conversations/{id}":         c.showConversation,
		"POST /conversations/{id}/reply":  c.reply,
		"POST /conversations/{id}/resend": c.resend,
		"POST /conversations/{id}/note":   c.note,
		"POST /conversations/{id}/change": c.change,
		"GET /new":                        c.showStart,
		"POST /new":                       c.start,

		"GET /agents":                c.showAgents,
		"POST /agents":               c.putAgent,
		"POST /agents/{id}/presence": c.setPresence,
		"POST /agents/{id}/remove":   c.removeAgent,

		"GET /channels":                  c.showChannels,
		"GET /add-channel/{provider}":    c.showSetup,
		"POST /add-channel/{provider}":   c.setup,
		"GET /channels/{id}":             c.showChannel,
		"POST /channels/{id}/settings":   c.saveSettings,
		"POST /channels/{id}/connection": c.saveConnection,
		"POST /channels/{id}/pause":      c.pauseChannel,
		"POST /channels/{id}/remove":     c.removeChannel,

		"GET /hours":                c.showHours,
		"GET /channels/{id}/hours":  c.showChannelHours,
		"POST /channels/{id}/hours": c.saveChannelHours,

		"GET /team":           c.showTeam,
		"POST /team/hours":    c.saveTeamHours,
		"POST /team/schedule": c.chooseTeamHours,
		"POST /team/members":  c.saveTeam,

		"GET /rules":                   c.showRules,
		"POST /rules":                  c.saveRules,
		"GET /media/{message}/{index}": c.showMedia,
	} {
		mux.Handle(pattern, c.signedIn(h))
	}
	if c.Phones != nil {
		mux.Handle("GET /phone", c.signedIn(c.showPhone))
		mux.Handle("POST /phone", c.signedIn(c.textFromPhone))
	}
	mux.Handle("GET /", c.signedIn(func(http.ResponseWriter, *http.Request, *session) error { return livedesk.ErrNotFound }))
	return mux
}

// handler serves one page. An error that it returns becomes a page of its own, with the status that fits.
type handler func(w http.ResponseWriter, r *http.Request, s *session) error

func (c *console) signedIn(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := c.sessions.of(r)
		if s == nil {
			http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
			return
		}
		if r.Method == http.MethodPost {
			if err := readForm(w, r); err != nil {
				c.fail(w, r, s, err)
				return
			}
			if !s.owns(r.PostFormValue("csrf")) {
				c.fail(w, r, s, errStaleForm)
				return
			}
		}
		if err := h(w, r, s); err != nil {
			c.fail(w, r, s, err)
		}
	})
}

// fail shows an error as a page. What is wrong on our side is logged, and not shown.
func (c *console) fail(w http.ResponseWriter, r *http.Request, s *session, err error) {
	status := statusOf(err)
	if status >= http.StatusInternalServerError && !errors.Is(err, context.Canceled) {
		c.Logger.LogAttrs(r.Context(), slog.LevelError, "page failed",
			slog.String("path", r.URL.Path), slog.Any("error", err))
	}
	p := errorPage{Title: errorTitle(status), Problem: plainError(err)}
	if status != http.StatusNotFound {
		p.Back = formPage(r)
	}
	c.render(w, r, s, status, "error", p)
}

type errorPage struct {
	Title, Problem string
	Back           string // address of the page whose form it was; empty where there is none
}

// formPage is the page that has the form which r sends.
func formPage(r *http.Request) string {
	if r.Method != http.MethodPost {
		return ""
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch id := url.PathEscape(r.PathValue("id")); {
	case first == "team":
		return teamURL(r.PostFormValue("id"))
	case first == "conversations", first == "channels" && !strings.HasSuffix(r.URL.Path, "/hours"):
		return "/" + first + "/" + id
	case first == "agents":
		return "/agents"
	}
	return r.URL.Path
}
