package livedesk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/livedesk/livedesk-go/hours"
)

// Business hours as objects of a workspace: schedules, which channels and teams name.

// Schedule is business hours that channels ([Channel] Schedule) and teams ([Desk.SetTeamSchedule]) can name. While it is
// closed, rules may ask for that (routing.Condition Hours), a closed team gets nobody, and a channel does what its
// [ClosedHours] say. Package hours says when exactly a schedule is open, also where clocks change.
type Schedule struct {
	Workspace string `json:"workspace"`
	ID        string `json:"id"`             // the host's, or given by PutSchedule
	Name      string `json:"name,omitempty"` // for people, at most 256 bytes
	// Hours are the slots. Holidays in them are refused: the desk keeps no shared lists yet.
	Hours hours.Schedule `json:"hours"`
	// Problem says why this process can't use it, such as a zone that its host doesn't know. Who names it is always open
	// then. Empty for one that works; it doesn't count in PutSchedule.
	Problem string `json:"problem,omitempty"`
	Version int64  `json:"version"`
}

// Object kinds of business hours: each schedule, what is kept of a team beside its members, and the guard of who names what.
const (
	kindSchedule  = "schedule"
	kindTeam      = "team"
	kindSchedules = "schedules"
)

// maxScheduleBytes bounds a schedule as it is stored: some thousand exceptions.
const maxScheduleBytes = 256 << 10

// teamRecord is what is stored of a team beside its queue.
type teamRecord struct {
	Schedule string `json:"schedule"`
}

// PutSchedule stores business hours: new ones when s.ID is empty or unknown, else in the place of those of that id. When
// s.Version isn't 0 it must be the stored one, or the error is [ErrConflict]. What waits for the opening is served by the new
// hours: at once where they are open now. Everything that is wrong is answered at once, each as a [ValidationError], whose fields
// are places in the JSON form ("hours.week.monday.slots[0].to"). An id of [Config] BusinessHours is refused.
func (d *Desk) PutSchedule(ctx context.Context, s Schedule) (Schedule, error) {
	if err := d.checkSchedule(s); err != nil {
		return Schedule{}, fmt.Errorf("put schedule: %w", err)
	}
	data, err := json.Marshal(Schedule{ID: s.ID, Name: s.Name, Hours: s.Hours})
	if err == nil && len(data) > maxScheduleBytes {
		err = invalid("hours", "are too long (at most 256 KiB)")
	}
	if err != nil {
		return Schedule{}, fmt.Errorf("put schedule: %w", err)
	}
	var out Object
	err = d.updateObjects(ctx, func(ctx context.Context, tx Tx) error {
		out = Object{Workspace: d.workspace, Kind: kindSchedule, ID: s.ID}
		if s.ID == "" {
			out.ID = newID(tx.Now())
		} else if stored, err := oneObject(ctx, tx, d.workspace, kindSchedule, s.ID); err == nil {
			out = stored
		} else if !errors.Is(err, ErrNotFound) {
			return err
		}
		if s.Version != 0 && s.Version != out.Version {
			return &staleError{"schedule " + out.ID}
		}
		out.Data = data
		jobs, err := d.replans(ctx, tx, out.ID)
		if err != nil {
			return err
		}
		return tx.Apply(ctx, Changes{Objects: []Object{out}, Jobs: jobs})
	})
	if err != nil {
		return Schedule{}, fmt.Errorf("put schedule: %w", err)
	}
	signal(d.e.wakeJobs)
	out.Version++
	stored, err := readSchedule(out)
	if err != nil {
		return Schedule{}, fmt.Errorf("put schedule: %w", err)
	}
	return stored, d.e.snap.refresh(ctx)
}

// Schedules returns the workspace's business hours, by id.
func (d *Desk) Schedules(ctx context.Context) ([]Schedule, error) {
	var objs []Object
	err := d.view(ctx, func(ctx context.Context, tx ReadTx) (err error) {
		objs, err = tx.Objects(ctx, ObjectQuery{Workspace: d.workspace, Kind: kindSchedule})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("schedules: %w", err)
	}
	var out []Schedule
	for _, o := range objs {
		s, err := readSchedule(o)
		if err == nil {
			_, err = s.Hours.Compile()
		}
		if err != nil {
			s.Problem = err.Error()
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b Schedule) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}

// RemoveSchedule removes business hours that nobody names any more; else the error is a [ValidationError] that says who does.
// The error is [ErrNotFound] where there are none of that id.
func (d *Desk) RemoveSchedule(ctx context.Context, id string) error {
	err := d.editSchedules(ctx, func(tx Tx) (Changes, error) {
		stored, err := oneObject(ctx, tx, d.workspace, kindSchedule, id)
		if err != nil {
			return Changes{}, err
		}
		by, err := d.naming(ctx, tx, id)
		if err != nil {
			return Changes{}, err
		}
		if len(by) > 0 {
			return Changes{}, invalid("id", "is named by "+by[0].String()+more(len(by)-1))
		}
		return Changes{Objects: []Object{tombstone(stored)}}, nil
	})
	if err != nil {
		return fmt.Errorf("remove schedule: %w", err)
	}
	return nil
}

func more(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" and %d more", n)
}

// SetTeamSchedule gives a team business hours of its own: while they are closed nobody of it is available, whatever the
// agents' presence, and what waits for it is served when they open. Empty means always open. The error is [ErrNotFound] for a
// schedule that the workspace doesn't have.
func (d *Desk) SetTeamSchedule(ctx context.Context, team, schedule string) error {
	if err := checkID("team", team); err != nil {
		return fmt.Errorf("set team schedule: %w", err)
	}
	err := d.editSchedules(ctx, func(tx Tx) (Changes, error) {
		if schedule != "" && d.e.own[schedule] == nil {
			if _, err := oneObject(ctx, tx, d.workspace, kindSchedule, schedule); err != nil {
				return Changes{}, err
			}
		}
		obj, err := oneObject(ctx, tx, d.workspace, kindTeam, team)
		switch {
		case errors.Is(err, ErrNotFound):
			obj = Object{Workspace: d.workspace, Kind: kindTeam, ID: team}
		case err != nil:
			return Changes{}, err
		}
		if obj.Data, err = json.Marshal(teamRecord{schedule}); err != nil {
			return Changes{}, err
		}
		if schedule == "" {
			if obj.Version == 0 {
				return Changes{}, nil
			}
			obj = tombstone(obj)
		}
		return Changes{Objects: []Object{obj}, Jobs: []JobChange{{Job: openJob(d.workspace, TeamQueue(team), tx.Now())}}}, nil
	})
	if err != nil {
		return fmt.Errorf("set team schedule: %w", err)
	}
	signal(d.e.wakeJobs)
	return nil
}

// TeamSchedule returns the id of a team's business hours; empty for a team that has none.
func (d *Desk) TeamSchedule(ctx context.Context, team string) (string, error) {
	var rec teamRecord
	err := d.view(ctx, func(ctx context.Context, tx ReadTx) error {
		obj, err := oneObject(ctx, tx, d.workspace, kindTeam, team)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		return errors.Join(err, json.Unmarshal(obj.Data, &rec))
	})
	if err != nil {
		return "", fmt.Errorf("team schedule: %w", err)
	}
	return rec.Schedule, nil
}

// checkSchedule returns everything that is wrong with a schedule.
func (d *Desk) checkSchedule(s Schedule) error {
	var errs []error
	if s.ID != "" {
		errs = append(errs, checkID("id", s.ID))
	}
	if d.e.own[s.ID] != nil {
		errs = append(errs, invalid("id", "is one of Config.BusinessHours"))
	}
	if len(s.Name) > 256 {
		errs = append(errs, invalid("name", "is too long (at most 256 bytes)"))
	}
	_, err := s.Hours.Compile()
	if wrong, ok := errors.AsType[*hours.InvalidError](err); ok {
		for _, p := range wrong.Problems {
			errs = append(errs, invalid("hours."+p.Place, p.Err.Error()))
		}
	} else {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func readSchedule(o Object) (Schedule, error) {
	var s Schedule
	err := json.Unmarshal(o.Data, &s)
	if err != nil {
		err = fmt.Errorf("stored schedule: %w", err)
	}
	s.Workspace, s.ID, s.Version, s.Problem = o.Workspace, o.ID, o.Version, ""
	return s, err
}

// editSchedules writes an edit of what is named or may be. All of these write one object, the guard, so that of a removal and a
// naming at the same time one begins again.
func (d *Desk) editSchedules(ctx context.Context, edit func(tx Tx) (Changes, error)) error {
	err := d.updateObjects(ctx, func(ctx context.Context, tx Tx) error {
		guard, err := scheduleGuard(ctx, tx, d.workspace)
		if err != nil {
			return err
		}
		c, err := edit(tx)
		if err != nil || len(c.Objects) == 0 {
			return err
		}
		c.Objects = append(c.Objects, guard)
		return tx.Apply(ctx, c)
	})
	if err != nil {
		return err
	}
	return d.e.snap.refresh(ctx)
}

func scheduleGuard(ctx context.Context, tx ReadTx, workspace string) (Object, error) {
	guard, err := oneObject(ctx, tx, workspace, kindSchedules, kindSchedules)
	if errors.Is(err, ErrNotFound) {
		return Object{Workspace: workspace, Kind: kindSchedules, ID: kindSchedules, Data: []byte("{}")}, nil
	}
	return guard, err
}

// holder is a channel or team that names a schedule.
type holder struct{ queue, kind, name string }

func (h holder) String() string { return h.kind + " " + h.name }

// naming returns who of the workspace names a schedule.
func (d *Desk) naming(ctx context.Context, tx ReadTx, id string) (out []holder, err error) {
	channels, err := tx.Objects(ctx, ObjectQuery{Workspace: d.workspace, Kind: kindChannel})
	if err != nil {
		return nil, err
	}
	for _, o := range channels {
		var rec channelRecord
		if json.Unmarshal(o.Data, &rec) == nil && rec.Schedule == id {
			out = append(out, holder{ChannelQueue(o.ID), "channel", rec.Name()})
		}
	}
	teams, err := tx.Objects(ctx, ObjectQuery{Workspace: d.workspace, Kind: kindTeam})
	if err != nil {
		return nil, err
	}
	for _, o := range teams {
		var rec teamRecord
		if json.Unmarshal(o.Data, &rec) == nil && rec.Schedule == id {
			out = append(out, holder{TeamQueue(o.ID), "team", o.ID})
		}
	}
	return out, nil
}

// replans lets those who name a schedule look at it anew.
func (d *Desk) replans(ctx context.Context, tx Tx, id string) (jobs []JobChange, err error) {
	by, err := d.naming(ctx, tx, id)
	for _, h := range by {
		jobs = append(jobs, JobChange{Job: openJob(d.workspace, h.queue, tx.Now())})
	}
	return jobs, err
}

// takeSchedule takes a stored schedule over into the snapshot. One that can't be used stays there as such: who names it is open.
func (s *snapshots) takeSchedule(n *snapshot, o Object) error {
	key := objectKey{o.Workspace, o.ID}
	delete(n.schedules, key)
	if o.Deleted {
		return nil
	}
	at := &opening{e: s.e, workspace: o.Workspace, id: o.ID}
	n.schedules[key] = at
	stored, err := readSchedule(o)
	if err != nil {
		return err
	}
	t, err := stored.Hours.Compile()
	if err != nil {
		return err
	}
	at.hours = t
	return nil
}

// takeTeam takes over whose schedule a team has.
func (n *snapshot) takeTeam(o Object) error {
	key := objectKey{o.Workspace, o.ID}
	delete(n.teams, key)
	var rec teamRecord
	if o.Deleted {
		return nil
	}
	err := json.Unmarshal(o.Data, &rec)
	n.teams[key] = rec.Schedule
	return err
}

// hoursOf returns business hours by id: nil, which is always open, for the empty one.
func (s *snapshots) hoursOf(n *snapshot, workspace, id string) *opening {
	if id == "" {
		return nil
	}
	if own := s.e.own[id]; own != nil {
		return own
	}
	if at := n.schedules[objectKey{workspace, id}]; at != nil {
		return at
	}
	return &opening{e: s.e, workspace: workspace, id: id} // another process has it in its Config
}
