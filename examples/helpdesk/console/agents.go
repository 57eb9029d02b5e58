package console

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

// shift is how long a presence holds that was set here. A host with a live connection to its agents' browsers sets
// a minute, and renews it while the browser is there.
const shift = 12 * time.Hour

type agentsPage struct {
	Agents  []agentRow
	Teams   []teamLink
	Form    agentForm
	Problem map[string]string // by field
}

type agentRow struct {
	livedesk.Agent
	Now  livedesk.Presence
	Load int // with what the host reported
	Full bool
}

// agentForm is an agent as people write one: skills and languages in one line each.
type agentForm struct {
	ID, Name, Capacity, Skills, Languages string
	Known                                 bool // there is an agent of this id
}

func (c *console) showAgents(w http.ResponseWriter, r *http.Request, s *session) error {
	f := agentForm{Capacity: "3"}
	if id := r.URL.Query().Get("edit"); id != "" {
		agents, err := c.Desk.Agents(r.Context())
		if err != nil {
			return err
		}
		for _, a := range agents {
			if a.ID == id {
				f = agentForm{ID: a.ID, Name: a.Name, Capacity: strconv.Itoa(a.Capacity), Skills: commaLine(a.Skills), Languages: commaLine(a.Languages)}
			}
		}
	}
	return c.agentList(w, r, s, http.StatusOK, f, nil)
}

func (c *console) agentList(w http.ResponseWriter, r *http.Request, s *session, status int, f agentForm, problem map[string]string) error {
	agents, err := c.Desk.Agents(r.Context())
	if err != nil {
		return err
	}
	f.Known = slices.ContainsFunc(agents, func(a livedesk.Agent) bool { return a.ID == f.ID })
	p := agentsPage{Form: f, Problem: problem}
	if p.Teams, err = c.teamLinks(r); err != nil {
		return err
	}
	for _, a := range agents {
		load := a.Load + a.OutsideLoad
		p.Agents = append(p.Agents, agentRow{a, a.PresentAt(time.Now()), load, a.Capacity < 0 || a.Capacity > 0 && load >= a.Capacity})
	}
	c.render(w, r, s, status, "agents", p)
	return nil
}

func (c *console) putAgent(w http.ResponseWriter, r *http.Request, s *session) error {
	f := agentForm{
		ID: strings.TrimSpace(r.PostFormValue("id")), Name: strings.TrimSpace(r.PostFormValue("name")), Capacity: r.PostFormValue("capacity"),
		Skills: r.PostFormValue("skills"), Languages: r.PostFormValue("languages"),
	}
	capacity, err := strconv.Atoi(strings.TrimSpace(f.Capacity))
	if err != nil {
		return c.agentList(w, r, s, http.StatusUnprocessableEntity, f, map[string]string{"capacity": "must be a whole number"})
	}
	a := livedesk.Agent{ID: f.ID, Name: f.Name, Capacity: capacity, Skills: commaList(f.Skills), Languages: commaList(f.Languages)}
	if _, err := c.Desk.PutAgent(r.Context(), a); err != nil {
		problems := byField(err)
		nameEntries(problems, "skills", a.Skills)
		nameEntries(problems, "languages", a.Languages)
		if len(problems) > 0 {
			return c.agentList(w, r, s, statusOf(err), f, problems)
		}
		return err
	}
	s.say("Saved.")
	http.Redirect(w, r, "/agents", http.StatusSeeOther)
	return nil
}

func (c *console) setPresence(w http.ResponseWriter, r *http.Request, s *session) error {
	p := livedesk.Presence(r.PostFormValue("presence"))
	if p == "offline" {
		p = livedesk.Offline
	}
	if err := c.Desk.SetPresence(r.Context(), r.PathValue("id"), p, shift); err != nil {
		return err
	}
	http.Redirect(w, r, "/agents", http.StatusSeeOther)
	return nil
}

func (c *console) removeAgent(w http.ResponseWriter, r *http.Request, s *session) error {
	if err := c.Desk.RemoveAgent(r.Context(), r.PathValue("id")); err != nil {
		return err
	}
	s.say("Removed. What they had in hand goes to the others.")
	http.Redirect(w, r, "/agents", http.StatusSeeOther)
	return nil
}

// commaLine writes a list as people type it.
func commaLine(list []string) string { return strings.Join(list, ", ") }

// commaList reads what people typed: entries with commas between them.
func commaList(line string) (list []string) {
	for entry := range strings.SplitSeq(line, ",") {
		if entry = strings.TrimSpace(entry); entry != "" {
			list = append(list, entry)
		}
	}
	return list
}

// nameEntries says what is wrong with an entry of a list at the field of the list, and names the entry.
func nameEntries(problems map[string]string, field string, list []string) {
	for i, entry := range list {
		place := fmt.Sprintf("%s[%d]", field, i)
		if problem, ok := problems[place]; ok {
			delete(problems, place)
			problems[field] = "“" + entry + "” " + problem
		}
	}
}

// byField returns what is wrong with each field of a form.
func byField(err error) map[string]string {
	m := map[string]string{}
	for _, f := range livedesk.FieldErrors(err) {
		m[f.Field] = f.Problem
	}
	return m
}
