package livedesk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/livedesk/livedesk-go/sms"
)

// Rotation: credentials and webhook keys that were replaced go on to count in webhooks for [Config.RotationWindow], so
// that the carrier can be told at leisure and nothing that is under way is lost. What leaves uses the new ones at once.

// maxPrevious is how many replaced sets of credentials, and how many keys, count at once; the oldest is dropped beyond it.
// Each costs a comparison per webhook.
const maxPrevious = 8

type previousSecrets struct {
	Sealed []byte    `json:"sealed"`
	Until  time.Time `json:"until"`
}

type previousKey struct {
	Key   string    `json:"key"`
	Until time.Time `json:"until"`
}

// expire drops what doesn't count any more, and returns when the next of the rest stops to count; zero for never.
func (r *connectionRecord) expire(now time.Time) (next time.Time) {
	keep := func(until time.Time) bool {
		if counts := now.Before(until); !counts {
			return false
		}
		if next.IsZero() || until.Before(next) {
			next = until
		}
		return true
	}
	r.Previous = slices.DeleteFunc(slices.Clone(r.Previous), func(s previousSecrets) bool { return !keep(s.Until) })
	r.PreviousKeys = slices.DeleteFunc(slices.Clone(r.PreviousKeys), func(k previousKey) bool { return !keep(k.Until) })
	return next
}

// replace puts new sealed credentials in place; the old ones count until then.
func (r *connectionRecord) replace(sealed []byte, now, until time.Time) {
	if len(r.Sealed) > 0 && until.After(now) {
		r.Previous = append([]previousSecrets{{r.Sealed, until}}, r.Previous...)
		r.Previous = r.Previous[:min(len(r.Previous), maxPrevious)]
	}
	r.Sealed = sealed
}

// replaceKey remembers a key that was replaced; it counts until then.
func (r *connectionRecord) replaceKey(old string, now, until time.Time) {
	if until.After(now) {
		r.PreviousKeys = append([]previousKey{{old, until}}, r.PreviousKeys...)
		r.PreviousKeys = r.PreviousKeys[:min(len(r.PreviousKeys), maxPrevious)]
	}
}

// settings is what a stored connection's account is opened with. Replaced credentials that can't be opened any more are
// left out: the current ones don't fail for them.
func (e *Engine) settings(ctx context.Context, o Object, rec connectionRecord) (sms.Settings, error) {
	secrets, err := e.openSecrets(ctx, rec.Sealed, o.Workspace, o.ID)
	if err != nil {
		return sms.Settings{}, err
	}
	set := sms.Settings{Values: maps.Clone(rec.Identity), Secrets: secrets, WebhookURL: e.webhookURL(o.Key)}
	maps.Copy(set.Values, rec.Values)
	for _, p := range rec.Previous {
		old, err := e.openSecrets(ctx, p.Sealed, o.Workspace, o.ID)
		if err != nil {
			e.logError("replaced credentials don't count any more", err, slog.String("workspace", o.Workspace))
			continue
		}
		set.Previous = append(set.Previous, old)
	}
	return set, nil
}

// RotateWebhookKey gives the connection of a channel, and so all channels on it, a new unguessable key (130 random bits),
// and returns the addresses that the carrier must be told now, as [Desk.Webhooks] does. Texts that come to the old address,
// and receipts of what was sent before, are taken in until [Config.RotationWindow] is over; then it is unknown (404). So
// tell the carrier within that time, by hand or by [Desk.Register]. Errors are those of Webhooks; nothing is rotated then.
func (d *Desk) RotateWebhookKey(ctx context.Context, channelID string) ([]sms.Webhook, error) {
	if _, err := d.opened(ctx, channelID); err != nil { // then nobody could tell the carrier
		return nil, fmt.Errorf("rotate webhook key: %w", err)
	}
	err := d.changeConnection(ctx, channelID, func(o *Object, rec *connectionRecord, now time.Time) {
		rec.replaceKey(o.Key, now, now.Add(d.e.cfg.RotationWindow))
		o.Key = newWebhookKey()
	})
	if err != nil {
		return nil, fmt.Errorf("rotate webhook key: %w", err)
	}
	return d.Webhooks(ctx, channelID)
}

// EndRotation lets the credentials and webhook keys that were replaced count no longer, before their window is over: for
// when they leaked. Every process knows within [Config.Refresh]. Errors: [ErrNotFound].
func (d *Desk) EndRotation(ctx context.Context, channelID string) error {
	err := d.changeConnection(ctx, channelID, func(_ *Object, rec *connectionRecord, _ time.Time) {
		rec.Previous, rec.PreviousKeys = nil, nil
	})
	if err != nil {
		return fmt.Errorf("end rotation: %w", err)
	}
	return nil
}

// changeConnection changes the connection of a channel, and reads it back.
func (d *Desk) changeConnection(ctx context.Context, channelID string, fn func(*Object, *connectionRecord, time.Time)) error {
	err := d.update(ctx, func(ctx context.Context, tx Tx) error {
		ch, err := oneObject(ctx, tx, d.workspace, kindChannel, channelID)
		if err != nil {
			return err
		}
		conn, _ := splitChannelKey(ch.Key)
		obj, err := oneObject(ctx, tx, d.workspace, kindConnection, conn)
		if err != nil {
			return err
		}
		var rec connectionRecord
		if err := json.Unmarshal(obj.Data, &rec); err != nil {
			return fmt.Errorf("stored connection %s: %w", obj.ID, err)
		}
		rec.expire(tx.Now())
		fn(&obj, &rec, tx.Now())
		if obj.Data, err = json.Marshal(rec); err != nil {
			return err
		}
		return tx.Apply(ctx, Changes{Objects: []Object{obj}})
	})
	if err != nil {
		return err
	}
	return d.e.snap.refresh(ctx)
}

// Reseal seals the credentials of every connection of all workspaces anew, the replaced ones among them, and returns how
// many connections it wrote. It is for changing the host's key: put the new key first in [NewKeyRing] and keep the old one
// behind it, roll that out to every process, run Reseal once, then drop the old key. Webhooks and sends go on meanwhile.
// What can't be done doesn't stop the rest: the error joins what was left, by connection, and may be mended by running
// it again. It needs [Config] Sealer.
func (e *Engine) Reseal(ctx context.Context) (int, error) {
	if e.cfg.Sealer == nil {
		return 0, fmt.Errorf("reseal: %w", invalid("Sealer", "is not set"))
	}
	if err := e.snap.refresh(ctx); err != nil {
		return 0, fmt.Errorf("reseal: %w", err)
	}
	n := 0
	var errs []error
	for of := range e.snap.load().connections {
		err := e.resealOne(ctx, of)
		switch {
		case err == nil:
			n++
		case !errors.Is(err, ErrNotFound): // removed meanwhile
			errs = append(errs, fmt.Errorf("reseal connection %s of workspace %q: %w", of.id, of.workspace, err))
		}
	}
	return n, errors.Join(append(errs, e.snap.refresh(ctx))...)
}

// resealOne reads a connection, seals it outside of any transaction, and writes it if nobody else did meanwhile; else
// again.
func (e *Engine) resealOne(ctx context.Context, of objectKey) error {
	return retry(ctx, maxTries, func() error {
		obj, err := e.connection(ctx, of)
		if err != nil {
			return err
		}
		var rec connectionRecord
		if err := json.Unmarshal(obj.Data, &rec); err != nil {
			return fmt.Errorf("stored connection: %w", err)
		}
		if rec.Sealed, err = e.sealedAnew(ctx, rec.Sealed, obj); err != nil {
			return err
		}
		for i := range rec.Previous {
			if rec.Previous[i].Sealed, err = e.sealedAnew(ctx, rec.Previous[i].Sealed, obj); err != nil {
				return err
			}
		}
		if obj.Data, err = json.Marshal(rec); err != nil {
			return err
		}
		return e.store.Update(ctx, func(ctx context.Context, tx Tx) error {
			return tx.Apply(ctx, Changes{Objects: []Object{obj}})
		})
	})
}

func (e *Engine) connection(ctx context.Context, of objectKey) (obj Object, err error) {
	err = e.store.View(ctx, func(ctx context.Context, tx ReadTx) error {
		obj, err = oneObject(ctx, tx, of.workspace, kindConnection, of.id)
		return err
	})
	return obj, err
}

func (e *Engine) sealedAnew(ctx context.Context, sealed []byte, of Object) ([]byte, error) {
	secrets, err := e.openSecrets(ctx, sealed, of.Workspace, of.ID)
	if err != nil {
		return nil, err
	}
	return e.sealSecrets(ctx, secrets, of.Workspace, of.ID)
}
