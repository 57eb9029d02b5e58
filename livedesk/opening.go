package livedesk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/livedesk/livedesk-go/hours"
)

// What business hours mean for those who wait: nobody of a closed team is available, nor are the humans of a closed channel
// that lets them wait, and what waits for an opening is served by a job that is due then.

// opening is business hours as the desk asks them: there is an answer whatever the host's code does. nil is always open.
type opening struct {
	e             *Engine
	workspace, id string
	hours         hours.BusinessHours // nil where this process can't use them: open, and told
	told          atomic.Int64        // when its fault was told last, in Unix seconds
}

// toldEvery is how often a fault of business hours is told at most.
const toldEvery = 60

// isOpen reports whether it is open at an instant; true where nobody can say.
func (o *opening) isOpen(at time.Time) (open bool) {
	if o == nil {
		return true
	}
	open = true
	defer o.caught(at)
	return o.hours.IsOpen(at)
}

// next returns when it opens, for an instant at which it is closed.
func (o *opening) next(at time.Time) (opens time.Time, ok bool) {
	if o == nil {
		return time.Time{}, false
	}
	defer o.caught(at)
	opens, ok = o.hours.NextOpen(at)
	if ok && !opens.After(at) { // closed, and opening already: of a host that contradicts itself
		opens = at.Add(time.Minute)
	}
	return opens, ok
}

// period names the closed period that holds an instant, and tells when it began; zero where nobody knows.
func (o *opening) period(at time.Time) (name string, since time.Time) {
	if o == nil {
		return "", time.Time{}
	}
	name = "always"
	defer o.caught(at)
	h, ok := o.hours.(interface {
		ClosedSince(time.Time) (time.Time, bool)
	})
	if !ok { // then its end names it
		if opens, ok := o.hours.NextOpen(at); ok {
			name = "until " + strconv.FormatInt(opens.Unix(), 10)
		}
		return name, time.Time{}
	}
	if closed, ok := h.ClosedSince(at); ok {
		return strconv.FormatInt(closed.Unix(), 10), micro(closed)
	}
	return name, time.Time{}
}

// caught recovers from business hours that panic, and tells so once in a while.
func (o *opening) caught(at time.Time) {
	r := recover()
	if r == nil {
		return
	}
	last := o.told.Load()
	if at.Unix()-last < toldEvery && last != 0 || !o.told.CompareAndSwap(last, at.Unix()) {
		return
	}
	err := errNoHours
	if o.hours != nil {
		err = fmt.Errorf("panicked: %v", r)
	}
	o.e.logError("business hours can't be used, and count as open", err,
		slog.String("workspace", o.workspace), slog.String("schedule", o.id))
}

var errNoHours = errors.New("no such schedule, or one that this process can't read")

// openAt reports whether the channel is open.
func (c *channelInfo) openAt(at time.Time) bool { return c == nil || c.hours.isOpen(at) }

// humansWait reports whether a conversation of a channel waits for the channel's opening.
func (u *unit) humansWait(workspace, channelID string) bool {
	ch := u.snap.channels[objectKey{workspace, channelID}]
	return ch != nil && ch.channel.ClosedHours.HumansWait && !ch.openAt(u.now)
}

// hoursOfQueue returns the business hours of a line: a team's, or those that a channel's humans wait for. nil is always open.
func (n *snapshot) hoursOfQueue(workspace, queue string) *opening {
	kind, id, _ := strings.Cut(queue, ":")
	switch kind {
	case "team":
		return n.teamHours[objectKey{workspace, id}]
	case "channel":
		if ch := n.channels[objectKey{workspace, id}]; ch != nil && ch.channel.ClosedHours.HumansWait {
			return ch.hours
		}
	}
	return nil
}

// shutLine reports whether nobody of a line takes anything now, by its business hours.
func (p *placing) shutLine(q *line) bool {
	return !p.u.snap.hoursOfQueue(p.workspace, q.row.ID).isOpen(p.u.now)
}

// shut reports whether nobody of a line takes this conversation now, by the line's business hours or by the channel's.
func (p *placing) shut(q *line, c *conv) bool {
	return p.shutLine(q) || p.u.humansWait(p.workspace, c.now.Channel)
}

// shutStop reports whether business hours keep all lines of a stop from taking a conversation.
func (p *placing) shutStop(s stop, c *conv) bool {
	lines := s.lines()
	return len(lines) > 0 && !slices.ContainsFunc(lines, func(id string) bool { return !p.shut(p.queues[id], c) })
}

// waitingSpot returns the place of a stop where a conversation waits: the first whose line isn't closed, or else the first
// that has a line.
func (p *placing) waitingSpot(s stop) (first *spot) {
	for i := range s.spots {
		switch at := &s.spots[i]; {
		case at.line == "":
		case !p.shutLine(p.queues[at.line]):
			return at
		case first == nil:
			first = at
		}
	}
	return first
}

// jobOpen serves a line when it opens.
const jobOpen = "open"

// farOpening is when business hours are looked at again that don't open within the horizon of package hours.
const farOpening = 360 * 24 * time.Hour

func openJob(workspace, queue string, due time.Time) Job {
	return Job{Workspace: workspace, Key: jobOpen + ":" + queue, Kind: jobOpen, Subject: queue, Due: due}
}

// awaitOpening sees to it that who waits in a line is served when it opens, and returns when that is; zero for a line that is
// open, and for one that doesn't open again.
func (u *unit) awaitOpening(workspace, queue string) time.Time {
	at := u.snap.hoursOfQueue(workspace, queue)
	if at.isOpen(u.now) {
		return time.Time{}
	}
	opens, ok := at.next(u.now)
	due := micro(opens)
	if !ok {
		opens, due = time.Time{}, u.now.Add(farOpening)
	}
	job := openJob(workspace, queue, due)
	if !slices.ContainsFunc(u.jobs, func(j JobChange) bool { return j.Key == job.Key && j.Workspace == workspace && !j.Done }) {
		u.jobs = append(u.jobs, JobChange{Job: job})
	}
	return micro(opens)
}

// awaitOpenings is awaitOpening for a conversation that begins to wait: its line's, and its channel's. It returns the later.
func (p *placing) awaitOpenings(c *conv) time.Time {
	opens := p.u.awaitOpening(p.workspace, c.now.Queue)
	if channel := ChannelQueue(c.now.Channel); channel != c.now.Queue {
		if at := p.u.awaitOpening(p.workspace, channel); at.After(opens) {
			opens = at
		}
	}
	return opens
}

// openLine serves who has waited for an opening. Hours that were changed since are awaited again.
func (u *unit) openLine(ctx context.Context, j Job) error {
	if !u.snap.hoursOfQueue(j.Workspace, j.Subject).isOpen(u.now) {
		u.awaitOpening(j.Workspace, j.Subject)
		return nil
	}
	if id, ok := strings.CutPrefix(j.Subject, "channel:"); ok {
		j.Subject = id
		return u.serveLines(ctx, j)
	}
	u.onQueue(j.Workspace, j.Subject, nil)
	return nil
}

// lookAtOwn lets the lines whose business hours are the host's own code be looked at anew, when a process begins: its code may
// be other than that of the process which planned their opening.
func (e *Engine) lookAtOwn(ctx context.Context) error {
	snap := e.snap.load()
	lines := map[objectKey]bool{}
	for key, ch := range snap.channels {
		if ch.channel.ClosedHours.HumansWait && e.own[ch.channel.Schedule] != nil {
			lines[objectKey{key.workspace, ChannelQueue(key.id)}] = true
		}
	}
	for key, schedule := range snap.teams {
		if e.own[schedule] != nil {
			lines[objectKey{key.workspace, TeamQueue(key.id)}] = true
		}
	}
	for part := range slices.Chunk(slices.Collect(maps.Keys(lines)), 100) {
		err := e.update(ctx, func(ctx context.Context, tx Tx) error {
			var c Changes
			for _, l := range part {
				c.Jobs = append(c.Jobs, JobChange{Job: openJob(l.workspace, l.id, tx.Now())})
			}
			return tx.Apply(ctx, c)
		})
		if err != nil {
			return fmt.Errorf("look at business hours: %w", err)
		}
	}
	return nil
}
