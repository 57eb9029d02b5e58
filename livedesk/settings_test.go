package livedesk_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/routing"
)

// A channel's limit holds its conversations back in a team's line too; when it is raised they are served there.
func TestLimitRaisedServesEveryLine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(func(c *livedesk.Channel) { c.Assignment.Limit = 1 })
	w.agent("ada", 5)
	w.presence("ada", livedesk.Online)
	require.NoError(t, w.desk.SetTeam(w.ctx(), "night", []string{"ada"}))
	_, err := w.desk.PutRules(w.ctx(), livedesk.RuleSet{Rules: []routing.Rule{{ID: "all", Condition: routing.Condition{Always: true},
		Targets: []routing.Target{{Kind: routing.ToTeam, ID: "night"}}}}})
	require.NoError(t, err)
	w.text(alice, "hello")
	w.text(bob, "hello")
	require.Equal(t, "team:night", w.live(bob).Queue)
	w.change(func(c *livedesk.Channel) { c.Assignment.Limit = 2 })
	w.settle()
	require.Equal(t, "ada", w.live(bob).Assignee)
}

// Who waits is served by new settings whichever process comes first, also one that has not read them yet.
func TestNewSettingsServeInEveryProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, realTime)
		w.twilioChannel(func(c *livedesk.Channel) { c.Assignment.Manual = true })
		w.agents(w.ch.ID, 5, "ada")
		w.text(alice, "hello")
		other := w.open(func(s *settings) { s.Refresh = time.Hour })
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- other.Run(ctx) }()
		time.Sleep(time.Second)
		w.change(func(c *livedesk.Channel) { c.Assignment.Manual = false })
		time.Sleep(10 * time.Second)
		require.Equal(t, "ada", w.live(alice).Assignee)
		stop()
		require.NoError(t, <-done)
	})
}
