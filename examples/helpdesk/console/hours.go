package console

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/livedesk/livedesk-go/hours"
	"github.com/livedesk/livedesk-go/livedesk"
)

// hoursPage is the channels and teams with their business hours.
type hoursPage struct {
	Channels, Teams []hoursRow
	Team, Problem   string // a team's id that can't be one, and why
}

type hoursRow struct {
	Name, URL, Schedule string
	Quiet               string // quiet hours of a channel, "21:00–08:00"; empty for none
	Open                bool
	Opens               time.Time // zero while it is open, or where it doesn't open again
	Problem             string
}

func (c *console) showHours(w http.ResponseWriter, r *http.Request, s *session) error {
	return c.hoursList(w, r, s, http.StatusOK, hoursPage{})
}

func (c *console) hoursList(w http.ResponseWriter, r *http.Request, s *session, status int, p hoursPage) error {
	channels, err := c.Desk.Channels(r.Context())
	if err != nil {
		return err
	}
	schedules, err := c.Desk.Schedules(r.Context())
	if err != nil {
		return err
	}
	for _, ch := range channels {
		row := newHoursRow(ch.Name(), "/channels/"+ch.ID+"/hours", ch.Schedule, schedules)
		if q := ch.QuietHours; q.From != "" {
			row.Quiet = q.From + "–" + q.To
		}
		p.Channels = append(p.Channels, row)
	}
	teams, err := c.teams(r)
	if err != nil {
		return err
	}
	for _, team := range teams {
		id, err := c.Desk.TeamSchedule(r.Context(), team)
		if err != nil {
			return err
		}
		p.Teams = append(p.Teams, newHoursRow(team, teamURL(team), id, schedules))
	}
	c.render(w, r, s, status, "hours", p)
	return nil
}

// newHoursRow is a channel or team that names a schedule.
func newHoursRow(name, url, schedule string, schedules []livedesk.Schedule) hoursRow {
	stored := findSchedule(schedules, schedule)
	row := hoursRow{Name: name, URL: url, Schedule: scheduleName(schedule, stored), Open: true, Problem: stored.Problem}
	if t, err := stored.Hours.Compile(); err == nil {
		now := time.Now()
		if row.Open = t.IsOpen(now); !row.Open {
			row.Opens, _ = t.NextOpen(now)
		}
	}
	return row
}

// scheduleName is what to call the schedule of an id.
func scheduleName(id string, s livedesk.Schedule) string {
	switch {
	case s.Name != "":
		return s.Name
	case id != "":
		return id
	}
	return "always open"
}

// findSchedule returns the schedule of an id; a zero one where there is none, or where it is the host's own.
func findSchedule(list []livedesk.Schedule, id string) livedesk.Schedule {
	for _, s := range list {
		if s.ID == id {
			return s
		}
	}
	return livedesk.Schedule{}
}

// schedule is findSchedule in what the desk has now.
func (c *console) schedule(r *http.Request, id string) (livedesk.Schedule, error) {
	list, err := c.Desk.Schedules(r.Context())
	return findSchedule(list, id), err
}

// weekForm is a schedule as a form: each day's slots in one line, each exception in one line.
type weekForm struct {
	Schedule   livedesk.Schedule
	Others     []string // channels and teams that share it
	Zone       string
	Days       []dayField
	Exceptions string
	Problem    map[string]string // by field of the form
}

// channelHours is one channel's business hours and quiet hours as a form.
type channelHours struct {
	weekForm
	ID, Name   string
	Version    int64 // of the channel
	On         bool
	Closed     livedesk.ClosedHours
	Gap        string // in hours
	Report     *livedesk.TextReport
	Quiet      livedesk.QuietHours
	QuietUntil time.Time // for customers whose clock isn't known; zero outside of quiet hours
}

type dayField struct{ Key, Label, Slots, Zone string }

// weekFields are the days of a week in the order of the form.
func weekFields(w *hours.Week) []*hours.Day {
	return []*hours.Day{&w.Monday, &w.Tuesday, &w.Wednesday, &w.Thursday, &w.Friday, &w.Saturday, &w.Sunday}
}

var dayKeys = []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}

func newWeekForm(stored livedesk.Schedule) weekForm {
	f := weekForm{Schedule: stored, Zone: stored.Hours.Zone, Exceptions: exceptionLines(stored.Hours.Exceptions)}
	for i, d := range weekFields(&stored.Hours.Week) {
		f.Days = append(f.Days, dayField{dayKeys[i], upperFirst(dayKeys[i]), slotLine(d.Slots), d.Zone})
	}
	return f
}

func (c *console) showChannelHours(w http.ResponseWriter, r *http.Request, s *session) error {
	ch, err := c.Desk.Channel(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	stored, err := c.schedule(r, ch.Schedule)
	if err != nil {
		return err
	}
	p := channelHours{weekForm: newWeekForm(stored), Version: ch.Version, On: ch.Schedule != "", Closed: ch.ClosedHours, Quiet: ch.QuietHours}
	if n := ch.ClosedHours.GapSeconds; n > 0 {
		p.Gap = strconv.FormatFloat(float64(n)/3600, 'f', -1, 64)
	}
	p.QuietUntil, _ = ch.QuietHours.Until(time.Now(), "")
	return c.hoursForm(w, r, s, http.StatusOK, ch, p)
}

func (c *console) hoursForm(w http.ResponseWriter, r *http.Request, s *session, status int, ch livedesk.Channel, p channelHours) (err error) {
	p.ID, p.Name = ch.ID, ch.Name()
	if p.Others, err = c.sharing(r, ch.Schedule, ch.ID, ""); err != nil {
		return err
	}
	if p.Closed.Text != "" {
		if report, err := c.Desk.ReportText(r.Context(), ch.ID, p.Closed.Text); err == nil {
			p.Report = &report
		}
	}
	c.render(w, r, s, status, "channelhours", p)
	return nil
}

// sharing returns the channels and teams that name a schedule, but for one channel or team.
func (c *console) sharing(r *http.Request, schedule, channelID, team string) (names []string, err error) {
	if schedule == "" {
		return nil, nil
	}
	channels, err := c.Desk.Channels(r.Context())
	if err != nil {
		return nil, err
	}
	for _, ch := range channels {
		if ch.ID != channelID && ch.Schedule == schedule {
			names = append(names, ch.Name())
		}
	}
	teams, err := c.teams(r)
	if err != nil {
		return nil, err
	}
	for _, id := range teams {
		named, err := c.Desk.TeamSchedule(r.Context(), id)
		if err != nil {
			return nil, err
		}
		if id != team && named == schedule {
			names = append(names, "the team "+id)
		}
	}
	return names, nil
}

func (c *console) saveChannelHours(w http.ResponseWriter, r *http.Request, s *session) error {
	ch, err := c.Desk.Channel(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	stored, err := c.schedule(r, ch.Schedule)
	if err != nil {
		return err
	}
	p, problems := readHours(r, stored)
	if err := c.putHours(r, ch, p, problems); err != nil {
		for _, f := range livedesk.FieldErrors(err) {
			problems[formField(f.Field)] = f.Problem
		}
		if len(problems) == 0 {
			return err
		}
		p.Problem = problems
		return c.hoursForm(w, r, s, http.StatusUnprocessableEntity, ch, p)
	}
	s.say("Business hours saved. They count from now on.")
	http.Redirect(w, r, "/channels/"+ch.ID+"/hours", http.StatusSeeOther)
	return nil
}

// readHours reads the form of a channel, and what of it can't be read, by field.
func readHours(r *http.Request, stored livedesk.Schedule) (channelHours, map[string]string) {
	week, problems := readWeek(r, stored)
	p := channelHours{
		weekForm: week, On: r.PostFormValue("on") == "true", Gap: strings.TrimSpace(r.PostFormValue("gap")),
		Closed: livedesk.ClosedHours{
			Text: r.PostFormValue("text"), WithGreeting: r.PostFormValue("with_greeting") == "true", HumansWait: r.PostFormValue("humans_wait") == "true",
		},
		Quiet: readQuiet(r),
	}
	p.Version, _ = strconv.ParseInt(r.PostFormValue("version"), 10, 64) // what the form was made of; 0 counts as any
	if p.Gap != "" {
		n, err := strconv.ParseFloat(p.Gap, 64)
		if err != nil || n < 0 || n > 168 {
			problems["gap"] = "must be a number of hours, at most 168"
		} else {
			p.Closed.GapSeconds = int(n * 3600)
		}
	}
	maps.Copy(problems, quietProblems(p.Quiet))
	return p, problems
}

// readWeek reads the fields of a schedule, and what of them can't be read, by field.
func readWeek(r *http.Request, stored livedesk.Schedule) (weekForm, map[string]string) {
	problems := map[string]string{}
	p := weekForm{Schedule: stored, Zone: strings.TrimSpace(r.PostFormValue("zone")), Exceptions: r.PostFormValue("exceptions")}
	p.Schedule.Version, _ = strconv.ParseInt(r.PostFormValue("schedule_version"), 10, 64) // as the channel's
	week := &p.Schedule.Hours.Week
	for i, d := range weekFields(week) {
		key := dayKeys[i]
		f := dayField{key, upperFirst(key), r.PostFormValue(key), strings.TrimSpace(r.PostFormValue(key + "_zone"))}
		var ok bool
		if d.Slots, ok = readSlots(f.Slots); !ok {
			problems[key] = "must be times like 09:00-12:00, 14:00-18:00"
		}
		d.Zone, p.Days = f.Zone, append(p.Days, f)
	}
	p.Schedule.Hours.Zone = p.Zone
	p.Schedule.Hours.Exceptions = nil
	for line := range strings.Lines(p.Exceptions) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		e, ok := readException(line)
		if !ok {
			problems["exceptions"] = "must be a date and times or “closed” in each line; “" + strings.TrimSpace(line) + "” isn’t"
		}
		p.Schedule.Hours.Exceptions = append(p.Schedule.Hours.Exceptions, e)
	}
	return p, problems
}

// addWeekProblems says what is wrong with hours that could be read, so that all of it is said at once.
func addWeekProblems(problems map[string]string, s hours.Schedule) {
	_, err := s.Compile()
	wrong, ok := errors.AsType[*hours.InvalidError](err)
	if !ok {
		return
	}
	for _, p := range wrong.Problems {
		if field := formField("hours." + p.Place); problems[field] == "" {
			problems[field] = p.Err.Error()
		}
	}
}

// putHours checks everything before it stores anything: first the schedule is stored, then the channel that names it.
func (c *console) putHours(r *http.Request, ch livedesk.Channel, p channelHours, problems map[string]string) error {
	if p.Closed.Text != "" {
		_, err := c.Desk.ReportText(r.Context(), ch.ID, p.Closed.Text)
		for _, f := range livedesk.FieldErrors(err) {
			problems["text"] = f.Problem
		}
	}
	if p.On {
		addWeekProblems(problems, p.Schedule.Hours)
	}
	if len(problems) > 0 {
		return errForm
	}
	if p.Version != 0 && p.Version != ch.Version {
		return livedesk.ErrConflict
	}
	ch.ClosedHours, ch.QuietHours = p.Closed, p.Quiet
	if !p.On {
		ch.Schedule = ""
	} else {
		if p.Schedule.Name == "" {
			p.Schedule.Name = ch.Name()
		}
		stored, err := c.Desk.PutSchedule(r.Context(), p.Schedule)
		if err != nil {
			return err
		}
		ch.Schedule = stored.ID
	}
	_, err := c.Desk.PutChannel(r.Context(), ch)
	return err
}

// formField is the form's field for a place in a schedule or channel.
func formField(place string) string {
	switch rest, ok := strings.CutPrefix(place, "hours."); {
	case ok && strings.HasPrefix(rest, "week."):
		day, _, _ := strings.Cut(strings.TrimPrefix(rest, "week."), ".")
		return day
	case ok && strings.HasPrefix(rest, "exceptions"):
		return "exceptions"
	case ok:
		return rest
	}
	return strings.TrimPrefix(place, "closed_hours.")
}

// readSlots reads "09:00-12:00, 14:00-18:00"; nothing and "closed" are no slots. Whether the times are any is the desk's to say.
func readSlots(s string) (slots []hours.Slot, ok bool) {
	if s = strings.TrimSpace(s); s == "" || strings.EqualFold(s, "closed") {
		return nil, true
	}
	for part := range strings.SplitSeq(s, ",") {
		from, to, found := strings.Cut(strings.ReplaceAll(part, "–", "-"), "-")
		if !found {
			return slots, false
		}
		slots = append(slots, hours.Slot{From: strings.TrimSpace(from), To: strings.TrimSpace(to)})
	}
	return slots, true
}

// readException reads "2026-12-25 closed Christmas" or "12-24 09:00-12:00, 14:00-16:00 Christmas Eve".
func readException(line string) (hours.Exception, bool) {
	date, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	e := hours.Exception{Date: date}
	words := strings.Fields(rest)
	n := 0
	for n < len(words) && strings.ContainsAny(words[n][:1], "0123456789") {
		n++
	}
	if n == 0 && (len(words) == 0 || !strings.EqualFold(words[0], "closed")) {
		return e, false
	}
	var ok bool
	if e.Slots, ok = readSlots(strings.Join(words[:n], " ")); n == 0 {
		n = 1
	}
	e.Name = strings.Join(words[n:], " ")
	return e, ok
}

func slotLine(slots []hours.Slot) string {
	parts := make([]string, len(slots))
	for i, s := range slots {
		parts[i] = s.From + "-" + s.To
	}
	return strings.Join(parts, ", ")
}

func exceptionLines(list []hours.Exception) string {
	var b strings.Builder
	for _, e := range list {
		slots := slotLine(e.Slots)
		if slots == "" {
			slots = "closed"
		}
		fmt.Fprintln(&b, strings.TrimSpace(e.Date+" "+slots+" "+e.Name))
	}
	return b.String()
}
