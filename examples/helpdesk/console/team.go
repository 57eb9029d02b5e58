package console

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/routing"
)

// teamPage is one team: its business hours, and who is in it.
type teamPage struct {
	weekForm
	ID      string
	Current string // id of its schedule; empty for none
	Own     bool   // the schedule is the host's own: it can be named, not changed
	Choices []choice
	Agents  []memberRow
}

type choice struct{ ID, Name string }

func teamURL(id string) string { return "/team?" + url.Values{"id": {id}}.Encode() }

// checkTeam says what is wrong with a team's id.
func checkTeam(id string) error { return routing.Target{Kind: routing.ToTeam, ID: id}.Validate() }

// teams returns the ids of the teams that rules name, sorted. The desk has no list of its own: a team is what its host says.
func (c *console) teams(r *http.Request) (ids []string, err error) {
	set, err := c.Desk.Rules(r.Context())
	for _, rule := range set.Rules {
		for _, ref := range rule.References() {
			if ref.Kind == string(routing.ToTeam) {
				ids = append(ids, ref.ID)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), err
}

type teamLink struct{ Name, URL string }

func (c *console) teamLinks(r *http.Request) (links []teamLink, err error) {
	ids, err := c.teams(r)
	for _, id := range ids {
		links = append(links, teamLink{id, teamURL(id)})
	}
	return links, err
}

func (c *console) showTeam(w http.ResponseWriter, r *http.Request, s *session) error {
	id := r.URL.Query().Get("id")
	if problems := byField(checkTeam(id)); len(problems) > 0 {
		return c.hoursList(w, r, s, http.StatusUnprocessableEntity, hoursPage{Team: id, Problem: problems["id"]})
	}
	current, stored, err := c.teamSchedule(r, id)
	if err != nil {
		return err
	}
	return c.teamForm(w, r, s, http.StatusOK, teamPage{weekForm: newWeekForm(stored), ID: id, Current: current})
}

// teamSchedule returns the id of a team's business hours, and these.
func (c *console) teamSchedule(r *http.Request, team string) (string, livedesk.Schedule, error) {
	id, err := c.Desk.TeamSchedule(r.Context(), team)
	if err != nil {
		return "", livedesk.Schedule{}, err
	}
	stored, err := c.schedule(r, id)
	return id, stored, err
}

func (c *console) teamForm(w http.ResponseWriter, r *http.Request, s *session, status int, p teamPage) (err error) {
	ctx := r.Context()
	if p.Others, err = c.sharing(r, p.Current, "", p.ID); err != nil {
		return err
	}
	schedules, err := c.Desk.Schedules(ctx)
	if err != nil {
		return err
	}
	for _, sch := range schedules {
		p.Choices = append(p.Choices, choice{sch.ID, scheduleName(sch.ID, sch)})
	}
	if p.Own = p.Current != "" && findSchedule(schedules, p.Current).ID == ""; p.Own {
		p.Choices = append(p.Choices, choice{p.Current, p.Current})
	}
	members, err := c.Desk.Team(ctx, p.ID)
	if err != nil {
		return err
	}
	if p.Agents, err = c.memberRows(ctx, members); err != nil {
		return err
	}
	c.render(w, r, s, status, "team", p)
	return nil
}

// saveTeamHours changes the hours that a team has, or gives it some of its own.
func (c *console) saveTeamHours(w http.ResponseWriter, r *http.Request, s *session) error {
	team := r.PostFormValue("id")
	if err := checkTeam(team); err != nil { // before hours are stored for it
		return err
	}
	current, stored, err := c.teamSchedule(r, team)
	if err != nil {
		return err
	}
	if r.PostFormValue("schedule") != stored.ID { // somebody gave it other hours since the form was made
		return livedesk.ErrConflict
	}
	week, problems := readWeek(r, stored)
	if err := c.putTeamHours(r, team, week.Schedule, problems); err != nil {
		for _, f := range livedesk.FieldErrors(err) {
			problems[formField(f.Field)] = f.Problem
		}
		if len(problems) == 0 {
			return err
		}
		week.Problem = problems
		return c.teamForm(w, r, s, http.StatusUnprocessableEntity, teamPage{weekForm: week, ID: team, Current: current})
	}
	s.say("Business hours saved. They count from now on.")
	http.Redirect(w, r, teamURL(team), http.StatusSeeOther)
	return nil
}

func (c *console) putTeamHours(r *http.Request, team string, week livedesk.Schedule, problems map[string]string) error {
	addWeekProblems(problems, week.Hours)
	if len(problems) > 0 {
		return errForm
	}
	fresh := week.ID == ""
	if fresh {
		week.Name = "Team " + team
	}
	stored, err := c.Desk.PutSchedule(r.Context(), week)
	if err == nil && fresh {
		err = c.Desk.SetTeamSchedule(r.Context(), team, stored.ID)
	}
	return err
}

// chooseTeamHours names hours that there are already, or none.
func (c *console) chooseTeamHours(w http.ResponseWriter, r *http.Request, s *session) error {
	team := r.PostFormValue("id")
	if err := c.Desk.SetTeamSchedule(r.Context(), team, r.PostFormValue("schedule")); err != nil {
		return err
	}
	s.say("Saved. These hours count from now on.")
	http.Redirect(w, r, teamURL(team), http.StatusSeeOther)
	return nil
}

func (c *console) saveTeam(w http.ResponseWriter, r *http.Request, s *session) error {
	team := r.PostFormValue("id")
	old, err := c.Desk.Team(r.Context(), team)
	if err != nil {
		return err
	}
	if err := c.Desk.SetTeam(r.Context(), team, inOrder(old, r.PostForm["member"])); err != nil {
		return err
	}
	s.say("Saved.")
	http.Redirect(w, r, teamURL(team), http.StatusSeeOther)
	return nil
}
