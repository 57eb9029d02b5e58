package console

import (
	"bytes"
	"embed"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed static
var staticDir embed.FS

// templates has one set for each page, each with the layout and the shared parts.
var templates = parseTemplates("signin", "error", "inbox", "conversation", "start", "agents", "channels", "channel", "setup", "rules", "hours", "channelhours", "team", "phone")

func parseTemplates(pages ...string) map[string]*template.Template {
	funcs := template.FuncMap{
		"number": number, "since": since, "moment": moment, "size": sizeWord,
		"stateWord": stateWord, "presenceWord": presenceWord, "deliveryWord": deliveryWord, "deliveryTone": deliveryTone, "noteWord": noteWord,
		"healthWord": healthWord, "priorityWord": priorityWord,
		"consentWord": consentWord, "healthTone": healthTone, "aiWord": aiWord,
		"rfc3339": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"upper":   upperFirst, "initial": initial,
	}
	base := template.Must(template.New("").Funcs(funcs).ParseFS(templateFiles, "templates/layout.html", "templates/parts.html"))
	sets := make(map[string]*template.Template, len(pages))
	for _, p := range pages {
		sets[p] = template.Must(template.Must(base.Clone()).ParseFS(templateFiles, "templates/"+p+".html"))
	}
	return sets
}

// view is what every page knows beside its own Data.
type view struct {
	Page   string // the template's name
	Path   string
	CSRF   string
	Flash  string
	Me     livedesk.Agent // zero before sign-in
	Online livedesk.Presence
	Counts livedesk.Counts
	Phones bool
	Data   any
}

// render writes a page whole or not at all, so that a template that fails half-way leaves no broken page.
func (c *console) render(w http.ResponseWriter, r *http.Request, s *session, status int, page string, data any) {
	v := view{Page: page, Path: r.URL.Path, Phones: c.Phones != nil, Data: data}
	if s != nil {
		v.CSRF, v.Flash = s.csrf, s.said()
		v.Me, v.Counts = c.about(r, s)
		v.Online = v.Me.PresentAt(time.Now())
	}
	var b bytes.Buffer
	if err := templates[page].ExecuteTemplate(&b, "layout", v); err != nil {
		c.Logger.LogAttrs(r.Context(), slog.LevelError, "page not rendered", slog.String("page", page), slog.Any("error", err))
		refuse(w, http.StatusInternalServerError, "This page could not be made.")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = b.WriteTo(w) // an error here is a browser that left
}

// about returns the signed-in agent and the badge of the inbox; both are decoration, so that a store that fails shows
// its error in the page itself.
func (c *console) about(r *http.Request, s *session) (livedesk.Agent, livedesk.Counts) {
	me := livedesk.Agent{ID: s.agent, Name: s.agent}
	if agents, err := c.Desk.Agents(r.Context()); err == nil {
		for _, a := range agents {
			if a.ID == s.agent {
				me = a
			}
		}
	}
	counts, _ := c.Desk.Counts(r.Context(), livedesk.CountQuery{Agent: s.agent})
	return me, counts
}

// names returns what to call each agent, by id.
func names(agents []livedesk.Agent) map[string]string {
	m := make(map[string]string, len(agents))
	for _, a := range agents {
		m[a.ID] = a.Name
		if a.Name == "" {
			m[a.ID] = a.ID
		}
	}
	return m
}

// nameIn names an agent who may be gone.
func nameIn(names map[string]string) func(string) string {
	return func(id string) string {
		if n := names[id]; n != "" {
			return n
		}
		return id
	}
}

func channelNames(channels []livedesk.Channel) map[string]string {
	m := make(map[string]string, len(channels))
	for _, c := range channels {
		m[c.ID] = c.Name()
	}
	return m
}

// channelNumber returns the number of a channel, or the pool that sends for it.
func (c *console) channelNumber(ch livedesk.Channel) channel.Address {
	form, err := c.Engine.Form(ch.Provider)
	if err != nil {
		return ""
	}
	for _, f := range form.Fields {
		if v := ch.Values[f.Name]; v != "" && (f.Kind == "number" || f.Kind == "pool") {
			return channel.Address(v)
		}
	}
	return ""
}

func staticFiles() http.Handler {
	sub, err := fs.Sub(staticDir, "static")
	if err != nil {
		panic(err) // the directory is part of the program
	}
	files := http.StripPrefix("/static/", http.FileServerFS(sub))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/static/" {
			http.NotFound(w, r) // no listing
			return
		}
		w.Header().Set("Cache-Control", "no-cache")
		files.ServeHTTP(w, r)
	})
}
