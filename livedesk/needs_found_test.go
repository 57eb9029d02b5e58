package livedesk_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
)

// Many wait for what only ada can, who is at her capacity with somebody she doesn't answer. When that one is given to bo, the
// first of them is ada's at once, however many they are.
func TestPlaceOfSilentAgentFindsThoseLookedAt(t *testing.T) { // I11
	t.Parallel()
	for _, waiting := range []int{1, 12, 60} {
		w := newWorld(t)
		w.bandwidthChannel(func(c *livedesk.Channel) { c.Assignment.NoAnswerSeconds = 60 })
		_, err := w.desk.PutAgent(w.ctx(), livedesk.Agent{ID: "ada", Capacity: 1, Skills: []string{"vip"}})
		require.NoError(t, err)
		w.agent("bo", 1)
		require.NoError(t, w.desk.SetTeam(w.ctx(), "night", []string{"ada", "bo"}))
		vip := toTeam("night")
		vip.Skills = []string{"vip"}
		w.rules(says("vip", vip), says("hello", toTeam("night")))
		w.presence("ada", livedesk.Online)
		w.text(alice, "hello")
		require.Equal(t, "ada", w.live(alice).Assignee)
		for i := range waiting {
			w.text(phone(i), "vip")
			w.advance(time.Millisecond)
		}
		w.presence("bo", livedesk.Online)
		require.Equal(t, livedesk.Needs(":vip"), w.live(phone(0)).Needs)
		w.advance(time.Minute)
		w.settle()
		require.Equal(t, "bo", w.live(alice).Assignee)
		require.Equal(t, "ada", w.live(phone(0)).Assignee, "of %d", waiting)
		require.Equal(t, 1, w.load("ada"))
	}
}
