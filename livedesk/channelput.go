package livedesk

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/livedesk/livedesk-go/sms"
)

// channelPut is one PutChannel on its way: read, check and seal outside of any transaction, then write what was read
// under its versions. Two keys of the store guard what is unique: a connection's id is made of its identity, and a
// channel's key of its connection and sender.
type channelPut struct {
	d    *Desk
	p    sms.Provider
	form sms.Form
	c    Channel

	now      time.Time
	stored   *Object           // the channel's object; nil for a new one
	since    time.Time         // its record's
	heirs    []inheritance     // likewise
	schedule string            // likewise
	guard    *Object           // of who names a schedule; nil where that doesn't change
	unknown  bool              // the schedule is
	identity map[string]string // as given
	channel  map[string]string // values of the channel alone
	shared   map[string]string // values of the connection
	secrets  map[string]sms.Secret

	conn       Object // Version 0 for a new one
	rec        connectionRecord
	oldSecrets map[string]sms.Secret
	locked     bool // they are there and can't be opened
	settings   sms.Settings
	account    sms.Account // opened with the settings

	past   *returning              // who had the number before and not any more; nil where there is none
	back   *returning              // the same, where it is a removed channel that comes back
	left   *Object                 // what remains under the number that the channel had until now; nil where it stays
	mended map[string]healthRecord // by channel: in trouble until now
}

// putting begins to put or to verify a channel.
func (d *Desk) putting(c Channel) (*channelPut, error) {
	p, ok := d.e.providers[c.Provider]
	if !ok {
		return nil, invalid("provider", "is not one of Config.Providers")
	}
	if err := checkID("workspace", d.workspace); err != nil {
		return nil, err
	}
	return (&channelPut{d: d, p: p, c: c}).afresh(), nil
}

// afresh returns p as it was before it had read anything.
func (p *channelPut) afresh() *channelPut {
	return &channelPut{d: p.d, p: p.p, form: p.p.Form(), c: p.c}
}

// prepare reads what is stored and checks everything that can be checked without the carrier.
func (p *channelPut) prepare(ctx context.Context) error {
	if err := p.d.view(ctx, p.load); err != nil {
		return err
	}
	if err := p.openStored(ctx); err != nil {
		return err
	}
	if err := p.validate(); err != nil {
		return err
	}
	return p.d.view(ctx, p.loadSender)
}

func (p *channelPut) run(ctx context.Context) (Channel, error) {
	if err := p.prepare(ctx); err != nil {
		return Channel{}, err
	}
	changed, err := p.changes(ctx)
	if err != nil {
		return Channel{}, err
	}
	err = p.d.e.store.Update(ctx, func(ctx context.Context, tx Tx) error { return tx.Apply(ctx, changed) })
	if errors.Is(err, ErrExists) { // somebody added the number, or the connection, just now
		return Channel{}, ErrConflict
	}
	if err != nil {
		return Channel{}, err
	}
	return p.result(changed.Objects[len(changed.Objects)-1]), nil
}

// load reads the stored channel, if there is one, and the connection that the identity fields name.
func (p *channelPut) load(ctx context.Context, tx ReadTx) error {
	p.now = tx.Now()
	values := p.c.Values
	if p.c.ID != "" {
		if err := p.loadChannel(ctx, tx); err != nil {
			return err
		}
	}
	p.identity = map[string]string{}
	for _, f := range p.form.Fields {
		if v := strings.TrimSpace(values[f.Name]); f.Scope == sms.ScopeIdentity && v != "" {
			p.identity[f.Name] = v
		}
	}
	id := connectionID(p.d.workspace, p.c.Provider, p.identity)
	objs, err := tx.Objects(ctx, ObjectQuery{Workspace: p.d.workspace, Kind: kindConnection, IDs: []string{id}})
	if err != nil {
		return err
	}
	p.conn = Object{Workspace: p.d.workspace, Kind: kindConnection, ID: id, Key: newWebhookKey()}
	if len(objs) == 1 && objs[0].ID != "" {
		p.conn = objs[0]
	}
	return p.loadSchedule(ctx, tx)
}

// loadSchedule finds out whether there is the schedule that the channel names from now on.
func (p *channelPut) loadSchedule(ctx context.Context, tx ReadTx) error {
	if p.c.Schedule == "" || p.c.Schedule == p.schedule || p.d.e.own[p.c.Schedule] != nil {
		return nil
	}
	_, err := oneObject(ctx, tx, p.d.workspace, kindSchedule, p.c.Schedule)
	if p.unknown = errors.Is(err, ErrNotFound); p.unknown {
		return nil
	}
	if err != nil {
		return err
	}
	guard, err := scheduleGuard(ctx, tx, p.d.workspace)
	p.guard = &guard
	return err
}

func (p *channelPut) loadChannel(ctx context.Context, tx ReadTx) error {
	obj, err := oneObject(ctx, tx, p.d.workspace, kindChannel, p.c.ID)
	if err != nil {
		return err
	}
	if p.c.Version != 0 && p.c.Version != obj.Version {
		return &staleError{"channel " + p.c.ID}
	}
	var rec channelRecord
	if err := json.Unmarshal(obj.Data, &rec); err != nil {
		return fmt.Errorf("stored channel %s: %w", p.c.ID, err)
	}
	if rec.Provider != p.c.Provider {
		return invalid("provider", "can't be changed; add another channel")
	}
	p.stored, p.since, p.heirs, p.schedule = &obj, rec.Since, rec.HeirOf, rec.Schedule
	return nil
}

// loadSender refuses a number that another channel has, and finds the removed channel that had it.
func (p *channelPut) loadSender(ctx context.Context, tx ReadTx) error {
	holders, err := tx.Objects(ctx, ObjectQuery{Kind: kindChannel, Key: channelKey(p.conn.ID, p.sender())})
	if err != nil {
		return err
	}
	if len(holders) > 0 && holders[0].ID != p.c.ID {
		return p.fieldErrors(func(f sms.Field) bool { return isSender(f) && p.channel[f.Name] != "" },
			"belongs to another channel already")
	}
	return p.loadPast(ctx, tx)
}

// loadPast finds out what the number was before: a removed channel comes back with it, and one that went on with another
// number leaves what customers said to this one.
func (p *channelPut) loadPast(ctx context.Context, tx ReadTx) error {
	past, err := loadReturning(ctx, tx, p.d.workspace, p.sender())
	if err != nil {
		return err
	}
	if p.stored == nil {
		if p.past = past; past != nil && past.Moved.IsZero() {
			p.back = past
		}
		return nil
	}
	_, old := splitChannelKey(p.stored.Key)
	if old == p.sender() {
		return nil
	}
	if past != nil && past.Channel != p.c.ID {
		return p.fieldErrors(func(f sms.Field) bool { return isSender(f) && p.channel[f.Name] != "" },
			"was that of another channel, and its opt-outs count on: add it as a channel of its own")
	}
	if p.past = past; old == "" {
		return nil
	}
	p.left, err = leaving(ctx, tx, p.d.workspace, old, removedRecord{Channel: p.c.ID, Moved: p.now, HeirOf: p.heirs}, p.now)
	return err
}

// openStored unseals what the connection has, so that a credential that was left empty stays. Where the host's key is lost,
// or its key service away, all credentials that are given anew will do.
func (p *channelPut) openStored(ctx context.Context) error {
	p.rec = connectionRecord{Provider: p.c.Provider}
	if p.conn.Version == 0 {
		return nil
	}
	if err := json.Unmarshal(p.conn.Data, &p.rec); err != nil {
		return fmt.Errorf("stored connection %s: %w", p.conn.ID, err)
	}
	var err error
	if p.oldSecrets, err = p.d.e.openSecrets(ctx, p.rec.Sealed, p.d.workspace, p.conn.ID); err != nil {
		p.d.e.logError("stored credentials can't be opened", err, slog.String("workspace", p.d.workspace))
		p.locked, p.rec.Sealed = true, nil
	}
	return ctx.Err()
}

// validate checks everything that was given, and sorts it by what it belongs to.
func (p *channelPut) validate() error {
	values := map[string]string(maps.Clone(p.c.Values))
	if values == nil {
		values = map[string]string{}
	}
	for name, s := range p.oldSecrets {
		if values[name] == "" {
			values[name] = s.Reveal()
		}
	}
	valid, err := p.form.Validate(values)
	if p.locked {
		err = p.askAnew(err)
	}
	if err = errors.Join(err, p.checkSettings()); err != nil {
		return err
	}
	p.channel, p.shared, p.secrets = map[string]string{}, map[string]string{}, map[string]sms.Secret{}
	for _, f := range p.form.Fields {
		v, ok := valid[f.Name]
		switch {
		case !ok || f.Scope == sms.ScopeIdentity:
		case f.Secret:
			p.secrets[f.Name] = sms.NewSecret(v)
		case f.Scope == sms.ScopeConnection:
			p.shared[f.Name] = v
		default:
			p.channel[f.Name] = v
		}
	}
	if p.stored != nil && !onConnection(*p.stored, p.conn.ID) {
		return p.fieldErrors(func(f sms.Field) bool { return f.Scope == sms.ScopeIdentity },
			"can't be changed; add another channel")
	}
	p.settings = sms.Settings{Values: maps.Clone(p.identity), Secrets: p.secrets, WebhookURL: p.d.e.webhookURL(p.conn.Key)}
	maps.Copy(p.settings.Values, p.shared)
	p.account, err = p.p.Open(p.settings) // lets the provider refuse what the form could not
	return err
}

// askAnew says of credentials that were left empty why they are required.
func (p *channelPut) askAnew(err error) error {
	wrong, _ := errors.AsType[sms.FieldErrors](err)
	for i, w := range wrong {
		if f, _ := p.form.Field(w.Field); f.Secret && strings.TrimSpace(p.c.Values[w.Field]) == "" {
			wrong[i].Problem = "is required: the stored one can't be opened"
		}
	}
	return err
}

func (p *channelPut) checkSettings() error {
	errs := append(p.c.Assignment.check(), p.d.e.checkAINames(p.c.AIAgents)...)
	if !languageTag.MatchString(p.c.Language) {
		errs = append(errs, invalid("language", `is not a language tag such as "en" or "fr-CA"`))
	}
	if p.c.OptOutScope != ScopeChannel && p.c.OptOutScope != ScopeWorkspace {
		errs = append(errs, invalid("opt_out_scope", `is not a scope: leave it empty, or "workspace"`))
	}
	if p.unknown {
		errs = append(errs, invalid("schedule", "is no schedule of this workspace"))
	}
	errs = append(errs, p.c.Keywords.check(p.c.Language), p.c.checkTexts(), p.c.QuietHours.check(), p.c.ClosedHours.check())
	return errors.Join(errs...)
}

// changes returns the rows to write; the channel's is the last.
func (p *channelPut) changes(ctx context.Context) (Changes, error) {
	var changed Changes
	if conn, err := p.connection(ctx); err != nil {
		return Changes{}, err
	} else if conn != nil {
		changed.Objects = append(changed.Objects, *conn)
	}
	if p.renewed() {
		if err := p.d.view(ctx, func(ctx context.Context, tx ReadTx) error { return p.mend(ctx, tx, &changed) }); err != nil {
			return Changes{}, err
		}
	}
	if p.guard != nil {
		changed.Objects = append(changed.Objects, *p.guard)
	}
	obj := Object{Workspace: p.d.workspace, Kind: kindChannel, ID: newID(p.now)}
	switch {
	case p.stored != nil:
		obj = *p.stored
	case p.back != nil: // inserted over its tombstone
		obj.ID, p.since, p.heirs = p.back.Channel, p.now, p.back.HeirOf
	case p.past != nil:
		p.heirs = append(p.past.HeirOf, inheritance{p.past.Channel, p.past.Moved})
	}
	if p.past != nil {
		changed.Objects = append(changed.Objects, p.past.used())
	}
	if p.left != nil {
		changed.Objects = append(changed.Objects, *p.left)
	}
	c := p.c
	c.Workspace, c.ID, c.Version, c.Values = p.d.workspace, obj.ID, 0, p.channel
	data, err := json.Marshal(channelRecord{c, p.conn.ID, p.heirs, p.since})
	if err != nil {
		return Changes{}, err
	}
	obj.Data, obj.Key = data, channelKey(p.conn.ID, p.sender())
	changed.Objects = append(changed.Objects, obj)
	if p.stored != nil { // who waits may be given to somebody by the new settings
		changed.Jobs = append(changed.Jobs, JobChange{Job: settingsJob(p.d.workspace, c.ID, p.now)})
	}
	return changed, nil
}

// connection returns the connection's object if it is new or changes, with the replaced credentials kept for a while. A new
// channel writes it in any case, so that it isn't forgotten at that moment for having had no channel.
func (p *channelPut) connection(ctx context.Context) (*Object, error) {
	rec, conn := p.rec, p.conn
	rec.Identity, rec.Values = p.identity, p.shared
	rec.expire(p.now)
	if conn.Version == 0 || !maps.EqualFunc(p.secrets, p.oldSecrets, sms.Secret.Equal) {
		sealed, err := p.d.e.sealSecrets(ctx, p.secrets, conn.Workspace, conn.ID)
		if err != nil {
			return nil, err
		}
		rec.replace(sealed, p.now, p.now.Add(p.d.e.cfg.RotationWindow))
	}
	data, err := json.Marshal(rec)
	if err != nil {
		return nil, err
	}
	if p.stored != nil && string(data) == string(conn.Data) {
		return nil, nil
	}
	conn.Data = data
	return &conn, nil
}

// renewed reports whether the connection's account is opened with something else than before.
func (p *channelPut) renewed() bool {
	return p.conn.Version != 0 &&
		!(maps.EqualFunc(p.secrets, p.oldSecrets, sms.Secret.Equal) && maps.Equal(p.shared, p.rec.Values))
}

// mend ends the trouble of the connection's channels: what is new may work.
func (p *channelPut) mend(ctx context.Context, tx ReadTx, changed *Changes) error {
	objs, err := tx.Objects(ctx, ObjectQuery{Workspace: p.d.workspace, Kind: kindHealth})
	if err != nil {
		return err
	}
	p.mended = map[string]healthRecord{}
	for _, o := range objs {
		ch := p.d.e.snap.load().channels[objectKey{o.Workspace, o.ID}]
		r, err := readHealth(o)
		if err != nil {
			return err
		}
		if ch == nil || ch.connID != p.conn.ID || !r.turn(HealthOK, "", p.now) {
			continue
		}
		if o.Data, err = json.Marshal(r); err != nil {
			return err
		}
		changed.Objects = append(changed.Objects, o)
		p.mended[o.ID] = r
	}
	return nil
}

func (p *channelPut) result(obj Object) Channel {
	c := p.c
	c.Workspace, c.ID, c.Version = p.d.workspace, obj.ID, obj.Version+1
	if p.back != nil {
		c.Version = p.back.Version + 1
	}
	c.Values, c.AIAgents = Values(maps.Clone(p.channel)), slices.Clone(c.AIAgents)
	maps.Copy(c.Values, p.identity)
	maps.Copy(c.Values, p.shared)
	return c
}

// sender is the number or pool of the channel.
func (p *channelPut) sender() string {
	for _, f := range p.form.Fields {
		if v := p.channel[f.Name]; v != "" && isSender(f) {
			return v
		}
	}
	return ""
}

func isSender(f sms.Field) bool { return f.Kind == sms.FieldNumber || f.Kind == sms.FieldPool }

func (p *channelPut) fieldErrors(which func(sms.Field) bool, problem string) error {
	var errs sms.FieldErrors
	for _, f := range p.form.Fields {
		if which(f) {
			errs = append(errs, sms.FieldError{Field: f.Name, Problem: problem})
		}
	}
	return errs
}

// connectionID is made of what names the connection, so that it can't exist twice in a workspace; and of the workspace, so
// that no tenant can take another one's number, or learn of it.
func connectionID(workspace, provider string, identity map[string]string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q", workspace, provider)
	for _, name := range slices.Sorted(maps.Keys(identity)) {
		fmt.Fprintf(h, " %q=%q", name, identity[name])
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// staleError is an [ErrConflict] that trying again doesn't mend: the caller's version is old.
type staleError struct{ what string }

func (e *staleError) Error() string        { return e.what + ": " + ErrConflict.Error() }
func (e *staleError) Is(target error) bool { return target == ErrConflict }
