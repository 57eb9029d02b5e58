package memstore

import (
	"maps"
	"slices"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

// The clone functions return a deep copy with all times in whole microseconds, UTC. They serve both ways, so a stored
// row shares nothing with anybody.

func micro(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}

func cloneContact(c *livedesk.Contact) livedesk.Contact {
	out := *c
	out.Attributes = maps.Clone(c.Attributes)
	out.Labels = slices.Clone(c.Labels)
	out.CreatedAt = micro(c.CreatedAt)
	return out
}

func cloneThread(t *livedesk.Thread) livedesk.Thread {
	out := *t
	out.Consent.Since = micro(t.Consent.Since)
	return out
}

func cloneConversation(c *livedesk.Conversation) livedesk.Conversation {
	out := *c
	out.Attributes = maps.Clone(c.Attributes)
	out.Labels = slices.Clone(c.Labels)
	for _, t := range []*time.Time{&out.SnoozeUntil, &out.QueuedAt, &out.CreatedAt, &out.ActiveAt, &out.WaitingSince,
		&out.FirstResponseAt, &out.ResolvedAt} {
		*t = micro(*t)
	}
	return out
}

func cloneMessage(m *livedesk.Message) livedesk.Message {
	out := *m
	out.Media, out.Others = slices.Clone(m.Media), slices.Clone(m.Others)
	out.At, out.ProviderAt = micro(m.At), micro(m.ProviderAt)
	if m.Activity != nil {
		out.Activity = new(*m.Activity)
	}
	if m.Delivery != nil {
		d := *m.Delivery
		d.Due, d.Expires = micro(d.Due), micro(d.Expires)
		d.History = slices.Clone(d.History)
		for i := range d.History {
			d.History[i].At = micro(d.History[i].At)
		}
		out.Delivery = &d
	}
	return out
}

func cloneAgent(a *livedesk.Agent) livedesk.Agent {
	out := *a
	out.PresenceUntil = micro(a.PresenceUntil)
	return out
}

func cloneObject(o *livedesk.Object) livedesk.Object {
	out := *o
	out.Data = slices.Clone(o.Data)
	return out
}
