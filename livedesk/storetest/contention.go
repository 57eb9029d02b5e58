package storetest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

// The cases in which workers compete: for texts, for jobs, for places.

const workers = 8

func claimsAtOnce(ctx context.Context, p *probe) {
	const conversations, each = 100, 20
	now := p.now(ctx)
	talks := append(p.talks(ctx, newSite(), 0, conversations/2), p.talks(ctx, newSite(), 50, 50+conversations/2)...)
	var rows []livedesk.Message
	for i, c := range talks {
		for _, seq := range shuffled(each) {
			rows = append(rows, outgoing(c, int64(seq+1), now.Add(-time.Duration(i+seq%7)*time.Second)))
		}
	}
	p.sendable(ctx, rows...)
	var mu sync.Mutex
	posted, last := map[string]int{}, map[string]int64{}
	note := func(batch []livedesk.Message) {
		mu.Lock()
		defer mu.Unlock()
		for i := range batch {
			m := &batch[i]
			posted[m.ID]++
			p.that(posted[m.ID] == 1, "a text is posted once")
			p.that(last[m.Conversation]+1 == m.Seq, "text %d follows text %d of its conversation", m.Seq, last[m.Conversation])
			last[m.Conversation] = m.Seq
			m.Delivery.State, m.Delivery.Due, m.ProviderID = livedesk.Accepted, time.Time{}, "SM"+m.ID
		}
	}
	var finished, progress atomic.Int64
	progress.Store(time.Now().UnixNano())
	p.parallel(workers, func(int) {
		for finished.Load() < conversations*each && !p.broken() {
			p.that(time.Since(time.Unix(0, progress.Load())) < soon, "something is claimed within %v: %d texts are left", soon, conversations*each-finished.Load())
			batch := p.post(ctx, livedesk.Claim{Limit: 25})
			if len(batch) == 0 {
				time.Sleep(time.Millisecond)
				continue
			}
			progress.Store(time.Now().UnixNano())
			note(batch)
			p.apply(ctx, livedesk.Changes{Deliveries: batch})
			finished.Add(int64(len(batch)))
		}
	})
	p.that(len(posted) == conversations*each, "%d of %d texts were posted", len(posted), conversations*each)
	p.that(len(p.due(ctx, anything)) == 0, "nothing is left")
}

func jobsAtOnce(ctx context.Context, p *probe) {
	const n = 300
	now := p.now(ctx)
	var jobs []livedesk.Job
	for i := range n {
		jobs = append(jobs, newJob(fmt.Sprint("job ", i), now.Add(-time.Duration(i%9)*time.Second)))
	}
	p.schedule(ctx, jobs...)
	var mu sync.Mutex
	leased := map[string]int{}
	count := func(rows []livedesk.Job) {
		mu.Lock()
		defer mu.Unlock()
		for _, j := range rows {
			leased[j.Key]++
			p.that(leased[j.Key] == 1, "a job is leased once")
		}
	}
	p.parallel(workers, func(int) {
		for !p.broken() {
			rows := p.claimJobs(ctx, 10, long)
			if len(rows) == 0 {
				return
			}
			count(rows)
			var c livedesk.Changes
			for _, j := range rows {
				c.Jobs = append(c.Jobs, livedesk.JobChange{Job: j, Done: true})
			}
			p.apply(ctx, c)
		}
	})
	count(p.claimJobs(ctx, n, long)) // those that were locked when the last worker looked
	p.that(len(leased) == n, "%d of %d jobs were leased", len(leased), n)
}

// stopsAtOnce lets contacts opt out while workers look for texts. STOP takes back what waits and leaves a confirmation, in
// one transaction with the consent: whoever finds the confirmation must see the consent, and whoever finds another text
// must not.
func stopsAtOnce(ctx context.Context, p *probe) {
	const n = 60
	at := newSite()
	talks := p.talks(ctx, at, 0, n)
	var rows []livedesk.Message
	place := map[string]int{}
	for i, c := range talks {
		place[c.ID] = i
		for seq := range int64(3) {
			rows = append(rows, outgoing(c, seq+1, p.now(ctx)))
		}
	}
	p.sendable(ctx, rows...)
	var stopped [n]atomic.Bool
	look := func(worker int) {
		var before [n]bool
		for i := range before {
			before[i] = stopped[i].Load()
		}
		var due []livedesk.DueText
		p.update(ctx, func(ctx context.Context, tx livedesk.Tx) (err error) {
			due, err = tx.Claim(ctx, livedesk.Claim{Limit: 1 + 2*worker})
			if err != nil || worker%2 == 0 {
				return err
			}
			texts := textsOf(due)
			for i := range texts { // and put back
				texts[i].Delivery.Fence++
			}
			return tx.Apply(ctx, livedesk.Changes{Deliveries: texts})
		})
		for _, d := range due {
			confirms := d.Message.Class == livedesk.ClassConfirmation
			p.that(confirms || !before[place[d.Message.Conversation]], "a text is found after a STOP that took it back was committed")
			p.that(d.Thread.Consent.OptedOut == confirms, "a text that is %s is found with a consent of another moment", d.Message.Class)
		}
	}
	p.parallel(workers, func(worker int) {
		if worker > 0 {
			for !stopped[n-1].Load() && !p.broken() {
				look(worker)
			}
			return
		}
		for i := range talks {
			p.update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
				arrived, err := tx.TakeIn(ctx, []livedesk.Arrival{at.arrival(i, "stop "+talks[i].ID)})
				if err != nil {
					return err
				}
				return tx.Apply(ctx, stopping(arrived[0].LoadedThread, outgoing(talks[i], 4, tx.Now())))
			})
			stopped[i].Store(true)
		}
	})
	for _, m := range rows {
		got := p.message(ctx, m.Workspace, m.ID).Delivery.State
		p.that(got == livedesk.Canceled, "every text ends canceled, not %s", got)
	}
	p.that(len(p.due(ctx, anything)) == n, "%d confirmations are due", n)
}

// placed is a queue with agents, worked as the engine works it: whoever wants a place and whoever frees one locks the
// queue first.
type placed struct {
	p     *probe
	at    site
	queue string
}

// work locks the queue, lets change do what it came for, and gives free places to those who wait. It looks again
// where the store says that there is more.
func (w *placed) work(ctx context.Context, change func(q *livedesk.Queue, staff []livedesk.Agent) livedesk.Changes) {
	again := true
	for round := 0; again; round++ {
		w.p.that(round < retries, "a line doesn't say for ever that there are more behind it, with all places free")
		w.p.update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
			found, err := tx.Queues(ctx, livedesk.QueueQuery{Workspace: w.at.workspace, IDs: []string{w.queue}, Heads: 100})
			if err != nil {
				return err
			}
			q, staff := &found.Queues[0], found.Agents
			changes := change(q, staff)
			for _, c := range q.Waiting {
				if a := w.pick(staff); a != nil {
					a.Load++
					c.Assignee, c.Queue, c.QueuedAt = a.ID, "", time.Time{}
					changes.Conversations = append(changes.Conversations, c)
				}
			}
			again = q.More && w.pick(staff) != nil
			return tx.Apply(ctx, changes)
		})
		change = func(*livedesk.Queue, []livedesk.Agent) livedesk.Changes { return livedesk.Changes{} }
	}
}

// pick returns the agent on line with the most room, or nil.
func (w *placed) pick(staff []livedesk.Agent) (best *livedesk.Agent) {
	for i := range staff {
		a := &staff[i]
		if a.Presence == livedesk.Online && a.Load < a.Capacity && (best == nil || a.Load < best.Load) {
			best = a
		}
	}
	return best
}

// enqueue gives a conversation to somebody with room, or lets it wait.
func (w *placed) enqueue(ctx context.Context, fresh livedesk.Conversation) {
	w.work(ctx, func(_ *livedesk.Queue, staff []livedesk.Agent) livedesk.Changes {
		c := fresh // the function runs again when the transaction lost to another
		if a := w.pick(staff); a != nil {
			a.Load++
			c.Assignee = a.ID
		} else {
			c.Queue, c.QueuedAt = w.queue, origin
		}
		return livedesk.Changes{Conversations: []livedesk.Conversation{c}}
	})
}

// online lets an agent come on line.
func (w *placed) online(ctx context.Context, id string) {
	w.work(ctx, func(_ *livedesk.Queue, staff []livedesk.Agent) livedesk.Changes {
		for i := range staff {
			if staff[i].ID == id {
				staff[i].Presence = livedesk.Online
				return livedesk.Changes{Agents: []livedesk.Agent{staff[i]}}
			}
		}
		return livedesk.Changes{}
	})
}

// line makes a queue with agents who are offline, and conversations that are in no queue yet.
func (p *probe) line(ctx context.Context, team string, agents, capacity, conversations int) (*placed, []livedesk.Conversation) {
	at := newSite()
	w := &placed{p, at, livedesk.TeamQueue(team)}
	q := livedesk.Queue{Workspace: at.workspace, ID: w.queue}
	var c livedesk.Changes
	for i := range agents {
		id := fmt.Sprint(team, " ", i)
		c.Agents = append(c.Agents, livedesk.Agent{Workspace: at.workspace, ID: id, Capacity: capacity})
		q.Members = append(q.Members, livedesk.Member{Agent: id})
	}
	c.Queues = []livedesk.Queue{q}
	p.apply(ctx, c)
	return w, p.talks(ctx, at, 0, conversations)
}

// state returns how many wait, how much room there is, and the largest load; it checks loads against a recount.
func (w *placed) state(ctx context.Context) (waiting, room, top int) {
	q := w.p.queue(ctx, w.at.workspace, w.queue, 1000)
	for _, m := range q.Members {
		a := w.p.agents(ctx, w.at.workspace, m.Agent)[0]
		held := len(w.p.list(ctx, livedesk.ConversationQuery{
			Workspace: w.at.workspace, Assignee: a.ID, States: []livedesk.State{livedesk.Open}, Limit: 1000,
		}))
		w.p.that(held == a.Load, "the load of an agent with %d conversations is %d", held, a.Load)
		top = max(top, a.Load)
		if a.Presence == livedesk.Online {
			room += a.Capacity - a.Load
		}
	}
	return len(q.Waiting), room, top
}

func nobodyWaits(ctx context.Context, p *probe) {
	for round := range 12 {
		const agents, talks = 4, 28
		w, rows := p.line(ctx, fmt.Sprint("round ", round), agents, 7, talks)
		p.parallel(agents+talks, func(i int) {
			if i%8 == 7 {
				w.online(ctx, fmt.Sprint("round ", round, " ", i/8))
				return
			}
			w.enqueue(ctx, rows[i-i/8])
		})
		waiting, room, _ := w.state(ctx)
		p.that(waiting == 0 && room == 0, "of %d for %d places %d wait beside room for %d", talks, agents*7, waiting, room)
	}
}

func capacityHolds(ctx context.Context, p *probe) {
	const agents, talks = 4, 40
	w, rows := p.line(ctx, "team", agents, 3, talks)
	for i := range agents {
		w.online(ctx, fmt.Sprint("team ", i))
	}
	p.parallel(talks, func(i int) { w.enqueue(ctx, rows[i]) })
	waiting, room, top := w.state(ctx)
	p.that(top == 3, "no agent has more than 3: %d", top)
	p.that(room == 0 && waiting == talks-3*agents, "all places are taken and %d wait: room %d, waiting %d", talks-3*agents, room, waiting)
}
