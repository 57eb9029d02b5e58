package livedesk

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
)

// What becomes of a text whose outcome is unknown. Each has a job of its own, written in the transaction that lost it, which
// looks for the text at the carrier, where that can list (reconcile.go), a few times until the verdict, and gives the verdict
// when its time has come: also of a channel that is closed, whose texts nobody claims. The text itself stays unknown all the
// while and is leased by nobody: receipts and late answers settle it as they come, and whoever comes second changes nothing.
// A process that dies while it looks leaves a job whose lease runs out; looking is repeatable, and what was found is a
// receipt like any other.

const (
	jobUnknown = "unknown" // look for a text whose outcome is unknown, and give the verdict

	// firstLook is how long after its loss a text is looked for: most receipts are there by then.
	firstLook = 20 * time.Second
	// lastLook is how long a verdict waits for the first look, where none was made in time.
	lastLook = time.Minute
	// lookAgain is when it is looked for again while this process asks the carrier for others.
	lookAgain = 5 * time.Second
	// enoughEmpty is how many whole lists without the text let it be repeated.
	enoughEmpty = 2
)

// lost notes that nobody knows what became of a text, and sees to it that somebody finds out.
func (u *unit) lost(m *Message, code, detail string) {
	m.Delivery.lose(u.now, u.e.cfg.VerdictAfter, code, detail)
	u.jobs = append(u.jobs, JobChange{Job: u.unknownJob(m)})
}

// unknownJob is the job for a text's next look, or its verdict.
func (u *unit) unknownJob(m *Message) Job {
	due := m.Delivery.Due
	if ch := u.snap.channels[objectKey{m.Workspace, m.Channel}]; ch != nil && ch.conn != nil && ch.conn.mayList() {
		due = nextLook(m.Delivery.loss().lost, u.now, due)
	}
	return Job{Workspace: m.Workspace, Key: jobUnknown + ":" + m.ID, Kind: jobUnknown, Subject: m.ID, Due: due}
}

// nextLook is when a text that was lost is looked for again, with gaps that grow threefold, the last time shortly before the
// verdict: after 20 s, 1 min, 3 min, 9 min and 13½ min for a verdict after 15.
func nextLook(lost, now, verdict time.Time) time.Time {
	whole := verdict.Sub(lost)
	last := lost.Add(whole / 10 * 9)
	next := lost.Add(max(min(firstLook, whole/4), 3*now.Sub(lost)))
	switch {
	case next.Before(last):
		return micro(next)
	case now.Before(last):
		return micro(last)
	}
	return verdict
}

// mayList reports whether the carrier can be asked for a list, by this process or by another that can open the connection.
func (c *connectionInfo) mayList() bool { return c.account == nil || c.lister() != nil }

// lister is nil where the account can't list, or isn't open.
func (c *connectionInfo) lister() sms.Lister {
	l, _ := c.account.(sms.Lister)
	return l
}

// consentOf returns the consent of whom a text goes to; zero where their thread wasn't loaded.
func (u *unit) consentOf(m *Message) ConsentState {
	if t := u.threads[threadID{m.Workspace, m.Channel, m.Contact}]; t != nil {
		return t.row.Consent
	}
	return ConsentState{}
}

// verdict is what becomes of a text whose outcome could not be found out in time. One that nobody looked for, because all
// processes were down, is looked for first.
func (u *unit) verdict(m *Message, consent ConsentState) {
	d := m.Delivery
	switch l := d.loss(); {
	case !l.asked && !l.waited && u.lister(m) != nil:
		d.wait(u.now, lastLook)
		u.jobs = append(u.jobs, JobChange{Job: Job{
			Workspace: m.Workspace, Key: jobUnknown + ":" + m.ID, Kind: jobUnknown, Subject: m.ID, Due: u.now,
		}})
	case u.repeats(m, consent):
		d.repeat(u.now)
	default:
		d.giveUp(u.now)
	}
}

// lister is who can list a text's channel's messages; nil where nobody can in this process.
func (u *unit) lister(m *Message) sms.Lister {
	if ch := u.snap.channels[objectKey{m.Workspace, m.Channel}]; ch != nil && ch.conn != nil {
		return ch.conn.lister()
	}
	return nil
}

// repeats reports whether a text may be sent again: a human's only, by the host's choice, and when nothing speaks for the
// carrier having it. What would be taken back at the gate isn't put before it: that it was taken back would be a lie.
func (u *unit) repeats(m *Message, consent ConsentState) bool {
	if !u.e.cfg.RepeatAbsent || m.Class != ClassHuman || m.ProviderID != "" || consent.OptedOut {
		return false
	}
	ch, d := u.snap.channels[objectKey{m.Workspace, m.Channel}], m.Delivery
	l := d.loss()
	return ch != nil && !m.At.Before(ch.since) && (d.Expires.IsZero() || u.now.Before(d.Expires)) &&
		l.empty >= enoughEmpty && !l.doubt
}

// look is one job's look for its text.
type look struct {
	job   Job
	m     Message // as it was read before
	ch    *channelInfo
	to    channel.Address
	found finding // empty when the carrier wasn't asked
	// soon says that the carrier could not be asked now because of others; at least what it asked for to wait.
	soon    bool
	atLeast time.Duration
}

// begin reads what jobs are about. now is the store's clock.
func (e *Engine) beginLooks(ctx context.Context, jobs []Job) (looks []*look, now time.Time, err error) {
	snap := e.snap.load()
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	err = e.store.View(ctx, func(ctx context.Context, tx ReadTx) error {
		keys := make([]MessageKey, len(jobs))
		for i, j := range jobs {
			keys[i] = MessageKey{Workspace: j.Workspace, ID: j.Subject}
		}
		msgs, err := tx.Messages(ctx, keys)
		if err != nil {
			return err
		}
		now, looks = tx.Now(), make([]*look, len(jobs))
		for i, m := range msgs {
			looks[i] = &look{job: jobs[i], m: m, ch: snap.channels[objectKey{m.Workspace, m.Channel}]}
		}
		return loadRecipients(ctx, tx, looks)
	})
	return looks, now, err
}

// loadRecipients finds out whom the texts go to.
func loadRecipients(ctx context.Context, tx ReadTx, looks []*look) error {
	ids := map[string][]string{}
	for _, l := range looks {
		if l.m.ID != "" {
			ids[l.m.Workspace] = append(ids[l.m.Workspace], l.m.Contact)
		}
	}
	known := map[objectKey]channel.Address{}
	for workspace, ids := range ids {
		contacts, err := tx.Contacts(ctx, workspace, ids)
		if err != nil {
			return err
		}
		for _, c := range contacts {
			known[objectKey{workspace, c.ID}] = c.Address
		}
	}
	for _, l := range looks {
		l.to = known[objectKey{l.m.Workspace, l.m.Contact}]
	}
	return nil
}

// asks reports whether the carrier is to be asked for the text.
func (l *look) asks(now time.Time) bool {
	return l.m.Delivery != nil && l.m.Delivery.State == Unknown && now.Before(l.m.Delivery.Due) && l.to != "" &&
		l.ch != nil && l.ch.conn != nil && l.ch.conn.lister() != nil
}

// workUnknown works jobs off that are about unknown texts: at once where it is only a verdict, and beside the loops where a
// carrier is asked.
func (c *calls) workUnknown(ctx context.Context, jobs []Job) error {
	looks, now, err := c.e.beginLooks(ctx, jobs)
	if err != nil {
		return err
	}
	var rest []*look
	groups := map[*connectionInfo][]*look{}
	for _, l := range looks {
		if l.asks(now) {
			groups[l.ch.conn] = append(groups[l.ch.conn], l)
		} else {
			rest = append(rest, l)
		}
	}
	for conn, group := range groups {
		started := c.beside(ctx, jobUnknown, func(*sync.WaitGroup) {
			c.e.search(ctx, conn, group, now)
			c.e.endLooks(ctx, group)
		})
		if !started {
			for _, l := range group {
				l.soon = true
			}
			rest = append(rest, group...)
		}
	}
	return c.e.storeLooks(ctx, rest)
}

// endLooks stores what looks brought. What can't be stored now is looked for again.
func (e *Engine) endLooks(ctx context.Context, looks []*look) {
	err := e.storeLooks(ctx, looks)
	if err == nil {
		return
	}
	e.logError("what was found at the carrier was not stored", err, slog.Int("texts", len(looks)))
	for _, l := range looks {
		e.postpone(ctx, l.job)
	}
}

// storeLooks ends the jobs of looks: by noting what was found and coming back later, or by the verdict.
func (e *Engine) storeLooks(ctx context.Context, looks []*look) error {
	if len(looks) == 0 {
		return nil
	}
	var u *unit
	err := e.update(ctx, func(ctx context.Context, tx Tx) error {
		u = newUnit(e, tx)
		if err := u.storeLooks(ctx, looks); err != nil {
			return err
		}
		return u.finish(ctx)
	})
	if err == nil {
		e.committed(u)
		signal(e.wakeOutbox) // the next text of the conversation may go
	}
	return err
}

func (u *unit) storeLooks(ctx context.Context, looks []*look) error {
	var threads []ThreadKey
	keys := make([]MessageKey, len(looks))
	for i, l := range looks {
		keys[i] = MessageKey{Workspace: l.job.Workspace, ID: l.job.Subject}
		if u.e.cfg.RepeatAbsent && l.m.ID != "" { // whether it may be repeated depends on consent
			threads = append(threads, ThreadKey{Workspace: l.m.Workspace, Conversation: l.m.Conversation})
		}
	}
	if _, _, err := u.load(ctx, threads); err != nil {
		return err
	}
	msgs, err := u.loadMessages(ctx, keys)
	if err != nil {
		return err
	}
	for i, l := range looks {
		u.jobs = append(u.jobs, JobChange{Job: l.job, Done: true})
		if m := msgs[i]; m != nil && m.Delivery != nil && m.Delivery.State == Unknown {
			u.storeLook(l, m)
		}
	}
	return nil
}

// storeLook notes what a look brought about a text that is still unknown.
func (u *unit) storeLook(l *look, m *Message) {
	d := m.Delivery
	if l.found != "" && l.found != foundIt && l.m.Delivery.Attempts == d.Attempts {
		d.searched(u.now, l.found)
		u.deliver(m)
	}
	if !u.now.Before(d.Due) || l.found != "" && d.loss().waited { // its time had come before the look
		u.verdict(m, u.consentOf(m))
		u.deliver(m)
		return
	}
	next := u.unknownJob(m)
	if l.soon {
		next.Due = u.now.Add(lookAgain)
	}
	if at := u.now.Add(l.atLeast); next.Due.Before(at) {
		next.Due = at
	}
	if next.Due.After(d.Due) {
		next.Due = d.Due
	}
	u.jobs = append(u.jobs, JobChange{Job: next})
}
