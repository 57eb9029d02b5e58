package storetest

import (
	"context"
	"fmt"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

func jobCases() []Case {
	return []Case{
		clause("are claimed when they are due, the longest due first", jobsDue),
		clause("get a higher Fence and a Due of now and lease", jobsLeased),
		clause("come again when the lease lapsed, one attempt more", jobsLapsed),
		clause("have one place for each key of a workspace", jobsUnique),
		clause("scheduling again moves a job whatever was there, with no attempts and a higher Fence", jobsRescheduled),
		clause("a change under the stored Fence moves the job", jobsMoved),
		clause("a change under the stored Fence ends the job if Done", jobsDone),
		clause("a change under another Fence has no effect", jobsStale),
		clause("Done without a Fence ends whatever is there", jobsEnded),
		clause("a change of a job that isn't there has no effect", jobsAbsent),
		clause("never have a Fence again under their key, though they ended between", jobsFenceOnce),
		clause("are claimed at most limit at a time, of all workspaces", jobsLimit),
	}
}

func newJob(key string, due time.Time) livedesk.Job {
	return livedesk.Job{Workspace: "acme", Key: key, Kind: "snooze", Subject: "subject of " + key, Due: due}
}

// schedule puts jobs in place whatever was there.
func (p *probe) schedule(ctx context.Context, jobs ...livedesk.Job) {
	var c livedesk.Changes
	for _, j := range jobs {
		c.Jobs = append(c.Jobs, livedesk.JobChange{Job: j})
	}
	p.apply(ctx, c)
}

func jobKeys(jobs []livedesk.Job) []string {
	out := make([]string, len(jobs))
	for i, j := range jobs {
		out[i] = j.Key
	}
	return out
}

func jobsDue(ctx context.Context, p *probe) {
	now := p.now(ctx)
	p.schedule(ctx, newJob("b", now.Add(-time.Second)), newJob("later", now.Add(long)), newJob("a", now.Add(-time.Minute)), newJob("c", now))
	p.same(jobKeys(p.claimJobs(ctx, 9, long)), []string{"a", "b", "c"}, "what is claimed")
	p.that(len(p.claimJobs(ctx, 9, long)) == 0, "nothing is claimed twice")
}

func jobsLeased(ctx context.Context, p *probe) {
	p.schedule(ctx, newJob("a", p.now(ctx)))
	var got []livedesk.Job
	var now time.Time
	p.update(ctx, func(ctx context.Context, tx livedesk.Tx) (err error) {
		now = tx.Now()
		got, err = tx.ClaimJobs(ctx, 1, 90*time.Second)
		return err
	})
	p.that(len(got) == 1, "one job is claimed")
	want := newJob("a", now.Add(90*time.Second))
	want.Fence, want.Attempts = got[0].Fence, 1
	p.same(got[0], want, "the job")
	p.that(got[0].Fence > 0, "it has a fence")
}

func jobsLapsed(ctx context.Context, p *probe) {
	p.schedule(ctx, newJob("a", p.now(ctx)))
	fence := int64(0)
	for i := range 3 {
		got := p.claimJobs(ctx, 1, p.brief())
		p.that(len(got) == 1, "the job is claimed again")
		p.that(got[0].Fence > fence && got[0].Attempts == i+1, "fence and attempts grow: %d, %d", got[0].Fence, got[0].Attempts)
		fence = got[0].Fence
		p.lapse(ctx)
	}
}

func jobsUnique(ctx context.Context, p *probe) {
	now := p.now(ctx)
	foreign := newJob("a", now)
	foreign.Workspace = "beta"
	p.schedule(ctx, newJob("a", now), newJob("A", now), newJob("a", now), foreign)
	got := p.claimJobs(ctx, 9, long)
	p.that(len(got) == 3, "three jobs are claimed, not %d", len(got))
}

func jobsRescheduled(ctx context.Context, p *probe) {
	now := p.now(ctx)
	p.schedule(ctx, newJob("a", now))
	old := p.claimJobs(ctx, 1, long)[0]
	again := newJob("a", now)
	again.Kind, again.Subject, again.Attempts = "other", "else", 7
	p.schedule(ctx, again)
	got := p.claimJobs(ctx, 9, long)
	p.that(len(got) == 1, "the job is due by its new time")
	p.that(got[0].Kind == "other" && got[0].Subject == "else" && got[0].Attempts == 1, "it is the new one: %+v", got[0])
	p.that(got[0].Fence > old.Fence, "the fence grows from %d, it is %d", old.Fence, got[0].Fence)
	p.schedule(ctx, newJob("a", now.Add(long)))
	p.that(len(p.claimJobs(ctx, 9, long)) == 0, "the job isn't due after it was moved away")
	done := livedesk.JobChange{Job: old, Done: true}
	p.apply(ctx, livedesk.Changes{Jobs: []livedesk.JobChange{done, {Job: newJob("b", now)}}})
	p.schedule(ctx, newJob("c", now))
	p.that(len(p.claimJobs(ctx, 9, long)) == 2, "the others are due")
}

func jobsMoved(ctx context.Context, p *probe) {
	p.schedule(ctx, newJob("a", p.now(ctx)))
	j := p.claimJobs(ctx, 1, long)[0]
	j.Due = p.now(ctx)
	p.apply(ctx, livedesk.Changes{Jobs: []livedesk.JobChange{{Job: j}}})
	got := p.claimJobs(ctx, 9, long)
	p.that(len(got) == 1 && got[0].Attempts == 2 && got[0].Fence > j.Fence, "the job is claimed once more: %+v", got)
	p.that(got[0].Kind == "snooze" && got[0].Subject == j.Subject, "it is the same job")
}

func jobsDone(ctx context.Context, p *probe) {
	p.schedule(ctx, newJob("a", p.now(ctx)))
	j := p.claimJobs(ctx, 1, p.brief())[0]
	p.apply(ctx, livedesk.Changes{Jobs: []livedesk.JobChange{{Job: j, Done: true}}})
	p.lapse(ctx)
	p.that(len(p.claimJobs(ctx, 9, long)) == 0, "the job is gone")
}

func jobsStale(ctx context.Context, p *probe) {
	p.schedule(ctx, newJob("a", p.now(ctx)))
	lost := p.claimJobs(ctx, 1, p.brief())[0]
	p.lapse(ctx)
	held := p.claimJobs(ctx, 1, p.brief())[0]
	p.apply(ctx, livedesk.Changes{Jobs: []livedesk.JobChange{{Job: lost, Done: true}}})
	lost.Due = p.now(ctx).Add(100 * long)
	p.apply(ctx, livedesk.Changes{Jobs: []livedesk.JobChange{{Job: lost}}})
	p.lapse(ctx)
	got := p.claimJobs(ctx, 9, long)
	p.that(len(got) == 1 && got[0].Fence > held.Fence, "the job is still there, and due when its holder's lease lapsed")
	p.schedule(ctx, newJob("a", p.now(ctx)))
	p.apply(ctx, livedesk.Changes{Jobs: []livedesk.JobChange{{Job: got[0], Done: true}}})
	p.that(len(p.claimJobs(ctx, 9, long)) == 1, "who had it before it was scheduled again can't end it")
}

func jobsEnded(ctx context.Context, p *probe) {
	now := p.now(ctx)
	p.schedule(ctx, newJob("a", now), newJob("b", now), newJob("c", now.Add(-time.Second)))
	p.claimJobs(ctx, 1, p.brief())
	p.apply(ctx, livedesk.Changes{Jobs: []livedesk.JobChange{{Job: newJob("a", now), Done: true}, {Job: newJob("c", now), Done: true}}})
	p.lapse(ctx)
	p.same(jobKeys(p.claimJobs(ctx, 9, long)), []string{"b"}, "what is left")
}

func jobsAbsent(ctx context.Context, p *probe) {
	j := newJob("a", p.now(ctx))
	j.Fence = 3
	p.apply(ctx, livedesk.Changes{Jobs: []livedesk.JobChange{{Job: j}, {Job: j, Done: true}, {Job: newJob("b", j.Due), Done: true}}})
	p.that(len(p.claimJobs(ctx, 9, long)) == 0, "there is no job")
}

func jobsFenceOnce(ctx context.Context, p *probe) {
	now, seen := p.now(ctx), map[int64]bool{}
	for round := range 4 {
		p.schedule(ctx, newJob("a", now))
		got := p.claimJobs(ctx, 9, long)
		p.that(len(got) == 1 && !seen[got[0].Fence], "round %d: the job is claimed under a fence of its own: %+v", round, got)
		for fence := range seen { // whoever had it in an earlier round is late
			late := got[0]
			late.Fence = fence
			p.apply(ctx, livedesk.Changes{Jobs: []livedesk.JobChange{{Job: late, Done: true}}})
		}
		seen[got[0].Fence] = true
		end := livedesk.JobChange{Job: got[0], Done: true}
		end.Fence *= int64(round % 2) // under its fence, and whatever is there
		p.apply(ctx, livedesk.Changes{Jobs: []livedesk.JobChange{end}})
	}
}

func jobsLimit(ctx context.Context, p *probe) {
	now := p.now(ctx)
	var jobs []livedesk.Job
	for i := range 7 {
		j := newJob(fmt.Sprint("job ", i), now.Add(time.Duration(i)*time.Microsecond-time.Second))
		j.Workspace = []string{"acme", "beta"}[i%2]
		jobs = append(jobs, j)
	}
	p.schedule(ctx, jobs...)
	for _, want := range [][]livedesk.Job{jobs[:3], jobs[3:6], jobs[6:], nil} {
		p.same(jobKeys(p.claimJobs(ctx, 3, long)), jobKeys(want), "what is claimed")
	}
}
