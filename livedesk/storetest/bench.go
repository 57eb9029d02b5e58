package storetest

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

// batchSize is how many texts, claims or places the benchmarks move at a time.
const batchSize = 20

// Bench measures a store at what a desk does all day, as subbenchmarks: taking in a batch of texts, the same from many
// goroutines at once, claiming texts within a budget and storing the carrier's answers, assigning a conversation, and a
// page of an inbox. Each measures one transaction, or as many as its name says. open must return a fresh and empty store and
// clean up by itself.
func Bench(b *testing.B, open func(b *testing.B) livedesk.Store) {
	for _, m := range []struct {
		name string
		run  func(b *testing.B, p *probe)
	}{
		{"TakeIn20", benchTakeIn},
		{"TakeInAtOnce", benchTakeInAtOnce},
		{"Claim20AndFinish", benchClaim},
		{"Assign", benchAssign},
		{"InboxPage", benchInbox},
	} {
		b.Run(m.name, func(b *testing.B) {
			defer func() {
				if r := recover(); r != nil {
					b.Fatal(r)
				}
			}()
			b.ReportAllocs()
			m.run(b, &probe{Store: open(b)})
		})
	}
}

// takeBatch stores one text of each of some people, as the engine does: TakeIn, then all rows.
func (p *probe) takeBatch(ctx context.Context, at site, round int, people []int) {
	var arrivals []livedesk.Arrival
	for _, n := range people {
		arrivals = append(arrivals, at.arrival(n, fmt.Sprint(round, " ", n)))
	}
	p.update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
		arrived, err := tx.TakeIn(ctx, arrivals)
		if err != nil {
			return err
		}
		var c livedesk.Changes
		for _, a := range arrived {
			one := textIn(a.LoadedThread)
			one.Conversations[0].ActiveAt = tx.Now()
			c.Threads = append(c.Threads, one.Threads...)
			c.Conversations = append(c.Conversations, one.Conversations...)
			c.Messages = append(c.Messages, one.Messages...)
		}
		return tx.Apply(ctx, c)
	})
}

func crowdOf(round int) (people []int) {
	for i := range batchSize {
		people = append(people, (round*batchSize+i)%2000)
	}
	return people
}

func benchTakeIn(b *testing.B, p *probe) {
	at, round := newSite(), 0
	for b.Loop() {
		p.takeBatch(b.Context(), at, round, crowdOf(round))
		round++
	}
	b.ReportMetric(float64(b.N*batchSize)/b.Elapsed().Seconds(), "texts/s")
}

func benchTakeInAtOnce(b *testing.B, p *probe) {
	at := newSite()
	var round atomic.Int64
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			n := int(round.Add(1))
			p.takeBatch(b.Context(), at, n, []int{n % 2000})
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "texts/s")
}

func benchClaim(b *testing.B, p *probe) {
	ctx := b.Context()
	talks := p.talks(ctx, newSite(), 0, 200)
	seq := int64(0)
	for b.Loop() {
		// The queue is filled by as many as are taken from it, outside of what is measured.
		if seq%10 == 0 {
			b.StopTimer()
			var rows []livedesk.Message
			for _, c := range talks {
				rows = append(rows, outgoing(c, seq+1, origin))
			}
			p.sendable(ctx, rows...)
			b.StartTimer()
		}
		seq++
		batch := p.send(ctx)
		p.that(len(batch) == batchSize, "a full batch is claimed, not %d", len(batch))
		for i := range batch {
			batch[i].Version++
			batch[i].Delivery.State, batch[i].Delivery.Due = livedesk.Accepted, time.Time{}
		}
		p.deliver(ctx, batch...) // the carrier's answers, over what is in hand
	}
	b.ReportMetric(float64(b.N*batchSize)/b.Elapsed().Seconds(), "texts/s")
}

// send claims a batch as the engine does: the texts, what their senders have left, and both written down.
func (p *probe) send(ctx context.Context) (batch []livedesk.Message) {
	p.update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
		due, err := tx.Claim(ctx, livedesk.Claim{Limit: batchSize})
		if err != nil || len(due) == 0 {
			return err
		}
		batch = textsOf(due)
		budgets, err := tx.Senders(ctx, []livedesk.Sender{{Workspace: batch[0].Workspace, Channel: batch[0].Channel}})
		if err != nil {
			return err
		}
		budgets[0].Next = tx.Now()
		for i := range batch {
			d := batch[i].Delivery
			d.State, d.Due, d.Fence = livedesk.Posting, tx.Now().Add(long), d.Fence+1
		}
		return tx.Apply(ctx, livedesk.Changes{Deliveries: batch, Budgets: budgets})
	})
	return batch
}

func benchAssign(b *testing.B, p *probe) {
	ctx := b.Context()
	w, rows := p.line(ctx, "team", 20, 1<<30, 500)
	for i := range 20 {
		w.online(ctx, fmt.Sprint("team ", i))
	}
	for i := 0; b.Loop(); i++ {
		c := &rows[i%len(rows)]
		w.enqueue(ctx, *c)
		c.Version++
	}
}

func benchInbox(b *testing.B, p *probe) {
	ctx, at := b.Context(), newSite()
	for n := 0; n < 5000; n += 500 {
		p.talksAs(ctx, at, n, n+500, func(n int, c *livedesk.Conversation) {
			c.ActiveAt = origin.Add(time.Duration(n) * time.Second)
			c.Assignee = fmt.Sprint("agent ", n%50)
		})
	}
	for b.Loop() {
		rows := p.list(ctx, livedesk.ConversationQuery{
			Workspace: at.workspace, Assignee: "agent 7", States: []livedesk.State{livedesk.Open}, Limit: 50,
		})
		p.that(len(rows) == 50, "a full page is listed")
	}
}
