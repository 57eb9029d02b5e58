package memstore

import (
	"context"

	"github.com/livedesk/livedesk-go/livedesk"
)

// Prune implements [livedesk.Tx]. It costs O(log n) for each row that goes, and for each conversation that unfinished texts
// keep.
func (t *tx) Prune(ctx context.Context, p livedesk.Prune) (out livedesk.Pruned, err error) {
	if p.Limit < 1 {
		return out, errLimit
	}
	err = t.atomically(ctx, func() error {
		out = t.state.pruneContent(p)
		out.Keys = t.state.pruneKeys(p)
		out.More = out.More || out.Keys == p.Limit
		return nil
	})
	return out, err
}

// pruneContent deletes conversations from the end of the list of the resolved ones, which has the newest first.
func (s *state) pruneContent(p livedesk.Prune) (out livedesk.Pruned) {
	list, listed := facet{by: byWorkspace}.prefix(p.Workspace, livedesk.Resolved), s.listed // as it was: places shift in the other one
	first := listed.rank(list)
	for i := listed.rank(end(list)) - 1; i >= first; i-- {
		c, _ := listed.get(listed.at(i))
		place := key(c.Workspace, c.ID)
		switch {
		case !p.Selects(*c):
			return out
		case s.unfinished.count(place, end(place)) > 0:
			continue
		case out.Conversations == p.Limit:
			out.More = true
			return out
		}
		out.Messages += s.pruneMessages(place, c.Workspace, p.Limit-out.Messages)
		if s.timeline.count(place, end(place)) > 0 {
			out.More = true
			return out
		}
		s.dropConversation(c)
		out.Conversations++
	}
	return out
}

// pruneMessages deletes the oldest messages of a conversation, and returns how many.
func (s *state) pruneMessages(place, workspace string, limit int) (n int) {
	for cur := s.timeline.seek(place, end(place)); n < limit; n++ {
		_, id, found := cur.next()
		if !found {
			return n
		}
		m, _ := s.messages.get(key(workspace, id))
		s.dropMessage(m)
	}
	return n
}

func (s *state) pruneKeys(p livedesk.Prune) (n int) {
	if p.KeysBefore.IsZero() {
		return 0
	}
	place := key(p.Workspace)
	for cur := s.aged.seek(place, place+instant(p.KeysBefore)); n < p.Limit; n++ {
		aged, at, found := cur.next()
		if !found {
			return n
		}
		s.aged.del(aged)
		s.arrived.del(at)
	}
	return n
}
