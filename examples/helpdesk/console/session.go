package console

import (
	"crypto/rand"
	"crypto/subtle"
	"net/http"
	"sync"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

const (
	cookieName  = "helpdesk_session"
	sessionLife = 12 * time.Hour
	maxSessions = 1000
)

// session is one browser that is signed in.
type session struct {
	id    string
	csrf  string // in every form that the session is shown
	agent string // who the person says they are
	until time.Time

	mu    sync.Mutex
	flash string // shown once, on the next page
}

// owns reports whether a form was made for this session.
func (s *session) owns(token string) bool {
	return subtle.ConstantTimeCompare([]byte(token), []byte(s.csrf)) == 1
}

func (s *session) say(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flash = text
}

func (s *session) said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := s.flash
	s.flash = ""
	return text
}

func (s *session) actor() livedesk.Actor { return livedesk.AgentActor(s.agent) }

// sessions are kept in memory: whoever restarts the console signs in again.
type sessions struct {
	mu   sync.Mutex
	byID map[string]*session
}

func newSessions() *sessions { return &sessions{byID: map[string]*session{}} }

// open makes a session with an id of its own, whatever cookie the browser came with, so that nobody can be made to use
// an id that somebody else knows (session fixation).
func (ss *sessions) open(agent string) *session {
	s := &session{id: rand.Text(), csrf: rand.Text(), agent: agent, until: time.Now().Add(sessionLife)}
	ss.mu.Lock()
	defer ss.mu.Unlock()
	for id, old := range ss.byID {
		if time.Now().After(old.until) || len(ss.byID) >= maxSessions {
			delete(ss.byID, id)
		}
	}
	ss.byID[s.id] = s
	return s
}

func (ss *sessions) of(r *http.Request) *session {
	c, err := r.Cookie(cookieName)
	if err != nil {
		return nil
	}
	ss.mu.Lock()
	defer ss.mu.Unlock()
	s := ss.byID[c.Value]
	if s == nil || time.Now().After(s.until) {
		return nil
	}
	return s
}

func (ss *sessions) close(s *session) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	delete(ss.byID, s.id)
}

func (c *console) cookie(value string, life time.Duration) *http.Cookie {
	return &http.Cookie{Name: cookieName, Value: value, Path: "/", MaxAge: int(life.Seconds()), HttpOnly: true,
		SameSite: http.SameSiteStrictMode, Secure: c.SecureCookies}
}

type signInPage struct {
	Agents     []livedesk.Agent
	Passphrase bool
	Problem    string
}

func (c *console) showSignIn(w http.ResponseWriter, r *http.Request) {
	if s := c.sessions.of(r); s != nil {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	c.askWho(w, r, http.StatusOK, "")
}

func (c *console) askWho(w http.ResponseWriter, r *http.Request, status int, problem string) {
	agents, err := c.Desk.Agents(r.Context())
	if err != nil {
		c.fail(w, r, nil, err)
		return
	}
	c.render(w, r, nil, status, "signin", signInPage{agents, c.Passphrase != "", problem})
}

func (c *console) signIn(w http.ResponseWriter, r *http.Request) {
	if err := readForm(w, r); err != nil {
		c.fail(w, r, nil, err)
		return
	}
	given := r.PostFormValue("passphrase")
	if c.Passphrase != "" && subtle.ConstantTimeCompare([]byte(given), []byte(c.Passphrase)) != 1 {
		c.askWho(w, r, http.StatusForbidden, "That is not the passphrase. It was printed when the console started.")
		return
	}
	agent := r.PostFormValue("agent")
	if !c.known(r, agent) {
		c.askWho(w, r, http.StatusUnprocessableEntity, "Choose who you are.")
		return
	}
	if old := c.sessions.of(r); old != nil {
		c.sessions.close(old)
	}
	s := c.sessions.open(agent)
	http.SetCookie(w, c.cookie(s.id, sessionLife))
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (c *console) known(r *http.Request, agent string) bool {
	agents, err := c.Desk.Agents(r.Context())
	if err != nil {
		return false
	}
	_, ok := names(agents)[agent]
	return ok
}

func (c *console) signOut(w http.ResponseWriter, r *http.Request, s *session) error {
	c.sessions.close(s)
	http.SetCookie(w, c.cookie("", -time.Second))
	http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
	return nil
}
