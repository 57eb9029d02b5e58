package modeltest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
)

// TestNeedsHideNobody lets a hundred wait for languages that nobody speaks, and behind them one for anybody: that one gets the
// place that comes free, at once.
func TestNeedsHideNobody(t *testing.T) { // I11
	const foreign = 100
	onEveryStore(t, func(t *testing.T, open opener) {
		c := &clock{}
		d := newDesk(t, open(t, c), c.advance)
		_, err := d.desk().PutAgent(t.Context(), livedesk.Agent{ID: "ada", Capacity: 1, Languages: []string{"frr"}})
		require.NoError(t, err)
		require.NoError(t, d.desk().SetPresence(t.Context(), "ada", livedesk.Online, 0))
		require.NoError(t, d.desk().SetTeam(t.Context(), "night", []string{"ada"}))
		d.rules("theirs")
		d.text(person{0, 0}, vip)
		has := func(who int) livedesk.Conversation {
			list, err := d.desk().Conversations(t.Context(), livedesk.List{Assignee: "ada", States: []livedesk.State{livedesk.Open}})
			require.NoError(t, err)
			require.Len(t, list.Items, 1)
			require.Equal(t, number(who), list.Items[0].Address)
			return list.Items[0]
		}
		first := has(0)
		for who := 1; who <= foreign; who++ {
			require.NoError(t, d.speaks(d.desk(), who, []string{"de", "fr-FR", "ja"}[who*3/(foreign+1)]))
			d.text(person{0, who}, vip)
		}
		d.text(person{1, foreign + 1}, vip)
		_, err = d.desk().Resolve(t.Context(), first.ID, host)
		require.NoError(t, err)
		has(foreign + 1)
	})
}
