package livedesk

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

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
	identity map[string]string // as given
	channel  map[string]string // values of the channel alone
	shared   map[string]string // values of the connection
	secrets  map[string]sms.Secret

	conn       Object // Version 0 for a new one
	rec        connectionRecord
	oldSecrets map[string]sms.Secret
}

func (p *channelPut) run(ctx context.Context) (Channel, error) {
	if err := p.d.view(ctx, p.load); err != nil {
		return Channel{}, err
	}
	if err := p.openStored(ctx); err != nil {
		return Channel{}, err
	}
	if err := p.validate(); err != nil {
		return Channel{}, err
	}
	changed, err := p.changes(ctx)
	if err != nil {
		return Channel{}, err
	}
	err = p.d.e.store.Update(ctx, func(ctx context.Context, tx Tx) error { return tx.Apply(ctx, changed) })
	if errors.Is(err, ErrExists) {
		return Channel{}, p.taken()
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
	return nil
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
	p.stored = &obj
	return nil
}

// openStored unseals what the connection has, so that a credential that was left empty stays.
func (p *channelPut) openStored(ctx context.Context) error {
	p.rec = connectionRecord{Provider: p.c.Provider}
	if p.conn.Version == 0 {
		return nil
	}
	if err := json.Unmarshal(p.conn.Data, &p.rec); err != nil {
		return fmt.Errorf("stored connection %s: %w", p.conn.ID, err)
	}
	var err error
	p.oldSecrets, err = p.d.e.openSecrets(ctx, p.rec.Sealed, p.d.workspace, p.conn.ID)
	return err
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
	if p.stored != nil && !strings.HasPrefix(p.stored.Key, p.conn.ID+":") {
		return p.fieldErrors(func(f sms.Field) bool { return f.Scope == sms.ScopeIdentity },
			"can't be changed; add another channel")
	}
	set := sms.Settings{Values: maps.Clone(p.identity), Secrets: p.secrets, WebhookURL: p.d.e.webhookURL(p.conn.Key)}
	maps.Copy(set.Values, p.shared)
	_, err = p.p.Open(set) // lets the provider refuse what the form could not
	return err
}

func (p *channelPut) checkSettings() error {
	var errs []error
	switch p.c.Assignment.Mode {
	case LeastLoaded, ShareLoaded, RoundRobin, RoundRobinCapped:
	default:
		errs = append(errs, invalid("assignment.mode", "is not a mode"))
	}
	switch {
	case utf8.RuneCountInString(p.c.Greeting) > 1600:
		errs = append(errs, invalid("greeting", "is too long (at most 1600 characters)"))
	case p.c.Greeting != "" && strings.TrimSpace(p.c.Greeting) == "":
		errs = append(errs, invalid("greeting", "is blank; leave it empty to turn it off"))
	}
	if !languageTag.MatchString(p.c.Language) {
		errs = append(errs, invalid("language", `is not a language tag such as "en" or "fr-CA"`))
	}
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
	obj := Object{Workspace: p.d.workspace, Kind: kindChannel, ID: newID(p.now)}
	if p.stored != nil {
		obj = *p.stored
	}
	c := p.c
	c.Workspace, c.ID, c.Version, c.Values = p.d.workspace, obj.ID, 0, p.channel
	data, err := json.Marshal(channelRecord{c, p.conn.ID})
	if err != nil {
		return Changes{}, err
	}
	obj.Data, obj.Key = data, p.conn.ID+":"+p.sender()
	changed.Objects = append(changed.Objects, obj)
	if p.stored != nil { // who waits may be given to somebody by the new settings
		changed.Jobs = append(changed.Jobs, JobChange{Job: serveJob(Queue{Workspace: p.d.workspace, ID: ChannelQueue(c.ID)}, p.now)})
	}
	return changed, nil
}

// connection returns the connection's object if it is new or changes, with the replaced credentials kept for a while.
func (p *channelPut) connection(ctx context.Context) (*Object, error) {
	rec, conn := p.rec, p.conn
	rec.Identity, rec.Values = p.identity, p.shared
	rec.Previous = slices.DeleteFunc(slices.Clone(rec.Previous), func(s previousSecrets) bool { return !p.now.Before(s.Until) })
	if conn.Version == 0 || !maps.EqualFunc(p.secrets, p.oldSecrets, sms.Secret.Equal) {
		if len(rec.Sealed) > 0 {
			rec.Previous = append([]previousSecrets{{rec.Sealed, p.now.Add(rotationWindow)}}, rec.Previous...)
		}
		var err error
		if rec.Sealed, err = p.d.e.sealSecrets(ctx, p.secrets, conn.Workspace, conn.ID); err != nil {
			return nil, err
		}
	}
	data, err := json.Marshal(rec)
	if err != nil {
		return nil, err
	}
	if string(data) == string(conn.Data) {
		return nil, nil
	}
	conn.Data = data
	return &conn, nil
}

func (p *channelPut) result(obj Object) Channel {
	c := p.c
	c.Workspace, c.ID, c.Version = p.d.workspace, obj.ID, obj.Version+1
	c.Values = Values(maps.Clone(p.channel))
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

// taken says that another channel has the number; or that somebody added the same connection just now.
func (p *channelPut) taken() error {
	var objs []Object
	err := p.d.view(context.Background(), func(ctx context.Context, tx ReadTx) error {
		var err error
		objs, err = tx.Objects(ctx, ObjectQuery{Kind: kindChannel, Key: p.conn.ID + ":" + p.sender()})
		return err
	})
	if err != nil {
		return err
	}
	if len(objs) == 0 {
		return ErrConflict
	}
	return p.fieldErrors(func(f sms.Field) bool { return isSender(f) && p.channel[f.Name] != "" },
		"belongs to another channel already")
}

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
