package livedesk

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
)

// The ledger as a file: lines that leave one desk and that another takes in.

// ConsentLine is one change of consent of one address on one channel, as it is exported and imported. Its JSON is flat.
type ConsentLine struct {
	Channel string          `json:"channel"` // id of a channel of the workspace
	Address channel.Address `json:"address"`
	ConsentChange
}

// ConsentExport selects what [Desk.ExportConsents] yields. The zero value selects everything that the ledger has.
type ConsentExport struct {
	Channel string `json:"channel,omitempty"` // also a channel that was removed; empty for all
	Contact string `json:"contact,omitempty"` // the contact's id; empty for all
	// Latest leaves out all changes but the newest of each address and channel.
	Latest bool `json:"latest,omitempty"`
	// OptedOut leaves out those who may be written to now: with Latest that is the list of whom not to write to.
	OptedOut bool `json:"opted_out,omitempty"`
}

// consentPage is how many threads are read at once.
const consentPage = 200

// ExportConsents yields the ledger, in the order of channels and contacts, and of time within them. Pages are reads of their
// own. An error is yielded once, last. What it yields can be given to [Desk.ImportConsents] as it is.
func (d *Desk) ExportConsents(ctx context.Context, e ConsentExport) iter.Seq2[ConsentLine, error] {
	return func(yield func(ConsentLine, error) bool) {
		q := ConsentQuery{Workspace: d.workspace, Channel: e.Channel, Contact: e.Contact, Limit: consentPage}
		for {
			threads, addresses, err := d.consentPage(ctx, q)
			if err != nil {
				yield(ConsentLine{}, fmt.Errorf("export consents: %w", err))
				return
			}
			for i, t := range threads {
				for _, line := range e.lines(t, addresses[i]) {
					if !yield(line, nil) {
						return
					}
				}
				q.AfterChannel, q.AfterContact = t.Channel, t.Contact
			}
			if len(threads) < q.Limit {
				return
			}
		}
	}
}

func (d *Desk) consentPage(ctx context.Context, q ConsentQuery) (threads []Thread, addresses []channel.Address, err error) {
	err = d.view(ctx, func(ctx context.Context, tx ReadTx) (err error) {
		if threads, err = tx.Consents(ctx, q); err != nil {
			return err
		}
		ids := make([]string, len(threads))
		for i, t := range threads {
			ids[i] = t.Contact
		}
		contacts, err := tx.Contacts(ctx, d.workspace, ids)
		addresses = make([]channel.Address, len(threads))
		for i, c := range contacts {
			addresses[i] = c.Address
		}
		return err
	})
	return threads, addresses, err
}

// lines are what an export has of one thread.
func (e ConsentExport) lines(t Thread, to channel.Address) (out []ConsentLine) {
	changes := t.ConsentHistory
	if e.Latest || len(changes) == 0 {
		changes = []ConsentChange{t.last()}
	}
	if e.OptedOut && !t.Consent.OptedOut {
		return nil
	}
	for _, c := range changes {
		out = append(out, ConsentLine{t.Channel, to, c})
	}
	return out
}

// maxWrongLines is how many wrong lines an import tells of one by one.
const maxWrongLines = 1000

// ConsentImport says what became of an import.
type ConsentImport struct {
	Lines   int         `json:"lines"`           // read
	Changed int         `json:"changed"`         // that were new to the ledger
	Refused int         `json:"refused"`         // that are wrong, and have no effect
	Wrong   []WrongLine `json:"wrong,omitempty"` // the first 1000 of these
}

// WrongLine is a line of an import that has no effect, and why.
type WrongLine struct {
	Index  int              `json:"index"` // among all lines, from 0
	Fields []sms.FieldError `json:"fields"`
}

// ImportConsents takes changes of consent in that were recorded elsewhere, or by [Desk.ExportConsents]. A line needs Channel,
// Address and At; without a Source it is ConsentByImport. The newest change by its time decides, whichever was imported first,
// and of one instant an opt-out: so an opt-out is never undone by an opt-in that is older. Who opts out by it is not written
// to from then on, like after a STOP. An address that is unknown becomes a contact, without a conversation. Taking a line in
// again changes nothing, and with all lines of an import one may begin anew at any time.
//
// Lines are read and committed in batches of at most a hundred. The error is that of lines, or of the store; what was
// committed until then stays, and the result tells how far that is. Wrong lines are no error.
func (d *Desk) ImportConsents(ctx context.Context, lines iter.Seq2[ConsentLine, error]) (ConsentImport, error) {
	im := consentImport{d: d}
	for line, err := range lines {
		if err == nil {
			err = im.add(ctx, line)
		}
		if err != nil {
			return im.out, fmt.Errorf("import consents, line %d: %w", im.out.Lines, err)
		}
	}
	if err := im.flush(ctx); err != nil {
		return im.out, fmt.Errorf("import consents: %w", err)
	}
	return im.out, nil
}

// consentImport is one import under way.
type consentImport struct {
	d     *Desk
	now   time.Time
	batch []consentLine
	rows  int // that a transaction of the batch locks
	out   ConsentImport
}

type consentLine struct {
	channel *channelInfo
	ConsentLine
}

// Bounds of one transaction of an import.
const (
	importLines = 100
	importRows  = 400
)

func (im *consentImport) add(ctx context.Context, line ConsentLine) error {
	if im.now.IsZero() {
		if err := im.begin(ctx); err != nil {
			return err
		}
	}
	index := im.out.Lines
	im.out.Lines++
	l, wrong := im.check(ctx, line)
	if len(wrong) > 0 {
		im.out.Refused++
		if len(im.out.Wrong) < maxWrongLines {
			im.out.Wrong = append(im.out.Wrong, WrongLine{index, wrong})
		}
		return nil
	}
	im.batch = append(im.batch, l)
	im.rows++
	if l.channel.wide() {
		im.rows += len(im.d.e.snap.load().channels)
	}
	if len(im.batch) < importLines && im.rows < importRows {
		return nil
	}
	return im.flush(ctx)
}

// begin reads the time and the configuration for a batch.
func (im *consentImport) begin(ctx context.Context) error {
	if err := im.d.e.snap.refresh(ctx); err != nil {
		return err
	}
	return im.d.view(ctx, func(_ context.Context, tx ReadTx) error {
		im.now = tx.Now()
		return nil
	})
}

// check returns a line as it is taken in, or everything that is wrong with it.
func (im *consentImport) check(ctx context.Context, line ConsentLine) (consentLine, []sms.FieldError) {
	var wrong []sms.FieldError
	bad := func(field, problem string) { wrong = append(wrong, sms.FieldError{Field: field, Problem: problem}) }
	info := im.d.e.snap.load().channels[objectKey{im.d.workspace, line.Channel}]
	if info == nil {
		bad("channel", "is no channel of the workspace")
	}
	if line.Address.Kind() == channel.KindOther {
		bad("address", `is not a number such as "+14155550123", a short code or a sender's name`)
	}
	c := &line.ConsentChange
	switch {
	case c.At.IsZero():
		bad("at", "is required")
	case c.At.After(im.now.Add(time.Minute)):
		bad("at", "is in the future")
	}
	if c.Source == "" {
		c.Source = ConsentByImport
	}
	if !slices.Contains(consentSources, c.Source) {
		bad("source", "is none of a change of consent")
	}
	for _, f := range []struct {
		name  string
		value *string
		most  int
	}{{"keyword", &c.Keyword, 32}, {"code", &c.Code, 32}, {"cause", &c.Cause, maxCause}, {"from", &c.From, 128}, {"by", &c.By.ID, 128}} {
		if *f.value = channel.Clean(*f.value); len(*f.value) > f.most {
			bad(f.name, fmt.Sprintf("is too long (at most %d bytes)", f.most))
		}
	}
	if !languageTag.MatchString(c.Language) {
		bad("language", `is not a language tag such as "en" or "fr-CA"`)
	}
	c.Refused, c.LastRefused = 0, time.Time{}
	return consentLine{info, line}, wrong
}

// flush takes the batch in, in one transaction.
func (im *consentImport) flush(ctx context.Context) error {
	if len(im.batch) == 0 {
		return nil
	}
	var changed int
	err := im.d.act(ctx, "take in", func(ctx context.Context, u *unit) (err error) {
		changed, err = u.importConsents(ctx, im.batch)
		return err
	})
	if err != nil {
		return err
	}
	im.out.Changed += changed
	im.batch, im.rows, im.now = im.batch[:0], 0, time.Time{}
	return nil
}

// importConsents takes lines in by their time, and then does what goes with the states that changed.
func (u *unit) importConsents(ctx context.Context, lines []consentLine) (changed int, err error) {
	var rows []Arrival
	for _, l := range lines {
		rows = append(rows, arrivalFrom(l.channel, l.Address, "", ""))
		if l.channel.wide() {
			rows = append(rows, u.siblings(l.channel, l.Address)...)
		}
	}
	threads, err := u.meet(ctx, rows)
	if err != nil {
		return 0, err
	}
	was := map[*thread]bool{}
	for _, t := range threads {
		was[t] = t.row.Consent.OptedOut
	}
	at := 0
	for _, l := range lines {
		t := threads[at]
		if at++; u.importConsent(t, l, l.channel.wide()) {
			changed++
		}
		if l.channel.wide() {
			at += len(u.siblings(l.channel, l.Address))
		}
	}
	for _, t := range u.sortedThreads() {
		if is := t.row.last(); t.changed && was[t] != is.OptedOut {
			u.consentChanged(t, was[t], is)
		}
	}
	return changed, nil
}

func (u *unit) importConsent(t *thread, l consentLine, wide bool) bool {
	c := l.ConsentChange
	c.Everywhere = c.Everywhere || wide
	if !t.row.record(c) {
		return false
	}
	t.changed = true
	if !wide {
		return true
	}
	for _, s := range u.threadsOf(t.contact) {
		if other := c; s != t && (c.OptedOut || s.row.at(c.At).Everywhere) {
			if other.From == "" {
				other.From = t.row.Channel
			}
			s.changed = s.row.record(other) || s.changed
		}
	}
	return true
}
