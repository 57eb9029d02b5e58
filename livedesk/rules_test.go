package livedesk_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/routing"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

func toAgent(id string) routing.Target { return routing.Target{Kind: routing.ToAgent, ID: id} }
func toTeam(id string) routing.Target  { return routing.Target{Kind: routing.ToTeam, ID: id} }

// says is a rule for texts with a word.
func says(word string, to ...routing.Target) routing.Rule {
	return routing.Rule{
		ID: word, Condition: routing.Condition{Text: &routing.Text{Keyword: []string{word}}}, Targets: to,
	}
}

// rules makes these the workspace's rules, in this order.
func (w *world) rules(rules ...routing.Rule) livedesk.RuleSet {
	w.t.Helper()
	for i := range rules {
		rules[i].Order = i
	}
	set, err := w.desk.PutRules(w.ctx(), livedesk.RuleSet{Rules: rules})
	require.NoError(w.t, err)
	return set
}

// ruledWorld has ada and bo on the channel, cy in the team "night", and "away", who is off line.
func ruledWorld(t *testing.T, opts ...option) *world {
	w := newWorld(t, opts...)
	w.bandwidthChannel(nil)
	w.agents(w.ch.ID, 5, "ada", "bo")
	w.agent("cy", 1)
	w.presence("cy", livedesk.Online)
	w.agent("away", 5)
	require.NoError(t, w.desk.SetTeam(w.ctx(), "night", []string{"cy"}))
	return w
}

func TestRulesDecide(t *testing.T) { // F95
	t.Parallel()
	billing := says("billing", toTeam("night"))
	for name, c := range map[string]struct {
		rules    []routing.Rule
		text     string
		router   []routing.Target
		assignee string
		queue    string
		rule     string
		tier     livedesk.Tier
	}{
		"no rule":             {nil, "hello", nil, "ada", "", "", livedesk.TierHumans},
		"none holds":          {[]routing.Rule{billing}, "hello", nil, "ada", "", "", livedesk.TierHumans},
		"one holds":           {[]routing.Rule{billing}, "my billing", nil, "cy", "", "billing", livedesk.TierRules},
		"the first wins":      {[]routing.Rule{says("my", toAgent("bo")), billing}, "my billing", nil, "bo", "", "my", livedesk.TierRules},
		"waits by default":    {[]routing.Rule{says("my", toAgent("away")), billing}, "my billing", nil, "", "agent:away", "my", livedesk.TierRules},
		"targets in order":    {[]routing.Rule{says("my", toAgent("away"), toAgent("bo"))}, "my", nil, "bo", "", "my", livedesk.TierRules},
		"the router is first": {[]routing.Rule{billing}, "billing", []routing.Target{toAgent("bo")}, "bo", "", "", livedesk.TierRouter},
		"on to the next rule": {[]routing.Rule{unavailable(says("my", toAgent("away")), routing.NextRule), billing}, "my billing", nil, "cy", "", "billing", livedesk.TierRules},
		"on to the next tier": {[]routing.Rule{unavailable(says("my", toAgent("away")), routing.NextTier), billing}, "my billing", nil, "ada", "", "", livedesk.TierHumans},
		"an AI agent is passed over": {
			[]routing.Rule{says("my", routing.Target{Kind: routing.ToAI, ID: "bot"})}, "my", nil, "ada", "", "", livedesk.TierHumans},
		"nobody": {[]routing.Rule{says("my", routing.Target{Kind: routing.ToNobody})}, "my", nil, "", "", "my", livedesk.TierRules},
		"who is available": {[]routing.Rule{
			{ID: "a", Condition: routing.Condition{Available: &routing.Target{Kind: routing.ToAgent, ID: "away"}}, Targets: []routing.Target{toAgent("away")}},
			{ID: "b", Condition: routing.Condition{Available: &routing.Target{Kind: routing.ToTeam, ID: "night"}}, Targets: []routing.Target{toAgent("bo")}},
		}, "hello", nil, "bo", "", "b", livedesk.TierRules},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := ruledWorld(t, func(s *settings) {
				s.Router = routing.RouterFunc(func(routing.Facts) routing.Decision { return routing.Decision{Targets: c.router} })
			})
			set := w.rules(c.rules...)
			w.text(alice, c.text)
			got := w.only()
			require.Equal(t, c.assignee, got.Assignee)
			require.Equal(t, c.queue, got.Queue)
			list, err := w.desk.Explain(w.ctx(), got.ID)
			require.NoError(t, err)
			require.Len(t, list, 1)
			require.Equal(t, c.rule, list[0].Rule)
			require.Equal(t, c.tier, list[0].Tier)
			require.Equal(t, c.assignee, list[0].Agent)
			require.Equal(t, routing.CauseNew, list[0].Cause)
			if c.tier != livedesk.TierRouter {
				require.Equal(t, set.Version, list[0].Version)
			}
		})
	}
}

func unavailable(r routing.Rule, f routing.Fallback) routing.Rule {
	r.Unavailable = f
	return r
}

// Texts that come together get what they would get one by one, also where a rule goes on when its target is full.
func TestRulesInABatch(t *testing.T) {
	t.Parallel()
	w := ruledWorld(t)
	w.agent("cy", 3)
	w.rules(unavailable(says("billing", toTeam("night")), routing.NextTier))
	var all sync.WaitGroup
	for i := range 8 {
		h := w.genuine(smstest.Text{From: addr(phone(i)), Body: "billing"})
		all.Go(func() { w.call(request(h, "")) })
	}
	all.Wait()
	require.Equal(t, 3, w.load("cy"))
	require.Equal(t, 5, w.load("ada")+w.load("bo"))
}

func TestRuleSideEffects(t *testing.T) {
	t.Parallel()
	w := ruledWorld(t)
	first := unavailable(says("help", toAgent("away")), routing.NextRule)
	first.AddLabels, first.SetPriority = []string{"asked"}, new(routing.High)
	second := says("please", toTeam("night"))
	second.AddLabels = []string{"polite", "asked"}
	w.rules(first, second)
	w.text(alice, "please help")
	got := w.only()
	require.Equal(t, []string{"asked", "polite"}, got.Labels)
	require.Equal(t, routing.High, got.Priority)
	require.Equal(t, "cy", got.Assignee)
}

// What is known of the contact reaches the rules.
func TestRuleFacts(t *testing.T) {
	t.Parallel()
	w := ruledWorld(t)
	w.text(alice, "hello")
	require.NoError(t, w.store.Update(w.ctx(), func(ctx context.Context, tx livedesk.Tx) error {
		list, err := tx.Contacts(ctx, "main", []string{w.only().Contact})
		if err != nil {
			return err
		}
		list[0].Language, list[0].Labels, list[0].Attributes = "fr-CA", []string{"vip"}, map[string]string{"plan": "gold"}
		return tx.Apply(ctx, livedesk.Changes{Contacts: list})
	}))
	_, err := w.desk.Resolve(w.ctx(), w.only().ID, host)
	require.NoError(t, err)
	w.advance(48 * time.Hour)
	w.rules(routing.Rule{ID: "r", Targets: []routing.Target{toTeam("night")}, Condition: routing.Condition{All: []routing.Condition{
		{Language: []string{"fr"}}, {ContactLabel: []string{"vip"}}, {Contact: routing.ReturningContact},
		{ContactAttribute: &routing.Attribute{Name: "plan", Equals: []string{"gold"}}}, {Hours: routing.HoursOpen},
		{Channel: []string{w.ch.ID}}, {SenderPrefix: []string{"+1"}},
	}}})
	w.text(alice, "again")
	require.Equal(t, "cy", w.live(alice).Assignee)
	w.text(bob, "hello")
	require.NotEqual(t, "cy", w.live(bob).Assignee)
}

// A rule's limit ends a wait, and routing goes on where it says, with the customer's text.
func TestRuleTimeout(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		then     routing.Fallback
		assignee string
		tier     livedesk.Tier
	}{
		"next rule": {routing.NextRule, "cy", livedesk.TierRules},
		"next tier": {routing.NextTier, "ada", livedesk.TierHumans},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := ruledWorld(t)
			first := says("my", toAgent("away"))
			first.Timeout = routing.Timeout{AfterSeconds: 60, Then: c.then}
			w.rules(first, says("billing", toTeam("night")))
			w.text(alice, "my billing")
			w.text(bob, "my billing")
			waits := w.live(alice)
			require.Equal(t, "agent:away", waits.Queue)
			list, err := w.desk.Explain(w.ctx(), waits.ID)
			require.NoError(t, err)
			require.Equal(t, w.clock().Add(time.Minute), list[0].Until)
			_, err = w.desk.Resolve(w.ctx(), w.live(bob).ID, host) // what doesn't wait any more is left alone
			require.NoError(t, err)
			w.later(59 * time.Second)
			require.Equal(t, waits, w.live(alice))
			w.later(time.Second)
			require.Equal(t, c.assignee, w.live(alice).Assignee)
			require.Empty(t, w.live(alice).Queue)
			list, err = w.desk.Explain(w.ctx(), waits.ID)
			require.NoError(t, err)
			require.Len(t, list, 2)
			require.Equal(t, c.tier, list[0].Tier)
			require.Equal(t, livedesk.Resolved, w.of(bob)[0].State)
		})
	}
}

// A limit is kept over a restart, and goes on behind the rule's place under whatever rules there are by then.
func TestTimeoutSurvives(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(w *world){
		"a restart": func(*world) {},
		"that the rule is edited": func(w *world) {
			r := says("my", toAgent("bo"))
			r.Order = 1
			_, err := w.desk.PutRule(w.ctx(), r)
			require.NoError(w.t, err)
		},
		"that the rule is removed": func(w *world) { require.NoError(w.t, w.desk.RemoveRule(w.ctx(), "my")) },
		"rules before and behind": func(w *world) {
			for place, word := range []string{"all", "billing"} { // one order before the rule, one behind
				r := says(word, toAgent([]string{"bo", "cy"}[place]))
				r.Order, r.Condition = 2*place, routing.Condition{Always: true}
				_, err := w.desk.PutRule(w.ctx(), r)
				require.NoError(w.t, err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := ruledWorld(t)
			my, billing := says("my", toAgent("away")), says("billing", toTeam("night"))
			my.Timeout = routing.Timeout{AfterSeconds: 60, Then: routing.NextRule}
			my.Order, billing.Order = 1, 2
			for _, r := range []routing.Rule{my, billing} {
				_, err := w.desk.PutRule(w.ctx(), r)
				require.NoError(t, err)
			}
			w.text(alice, "my billing")
			require.Equal(t, "agent:away", w.live(alice).Queue)
			edit(w)
			w.engine = w.open()
			w.desk = w.engine.Desk("main")
			w.later(59 * time.Second)
			require.Equal(t, "agent:away", w.live(alice).Queue)
			w.later(time.Second)
			require.Equal(t, "cy", w.live(alice).Assignee)
			set, err := w.desk.Rules(w.ctx())
			require.NoError(t, err)
			d := w.decided(w.live(alice).ID)
			require.Equal(t, set.Version, d.Version)
			require.Equal(t, "billing", d.Rule)
		})
	}
}

// Whoever is routed again because an agent left, didn't answer or an AI agent gave up is so by what the customer wrote, also
// behind a limit.
func TestRoutedAgainByTheText(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(w *world){
		"off line": func(w *world) { w.presence("ada", livedesk.Offline); w.later(5 * time.Second) },
		"handed over": func(w *world) {
			_, err := w.desk.Transfer(w.ctx(), w.live(alice).ID, routing.Target{Kind: routing.ToAI, ID: "bot"}, host)
			require.NoError(w.t, err)
			w.settle()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &bot{}
			b.say(livedesk.Answer{Then: livedesk.HandOver}, nil)
			w := ruledWorld(t, withBots(livedesk.AIConfig{Name: "bot", Agent: b}))
			w.change(func(c *livedesk.Channel) { c.Assignment.OfflineGraceSeconds = 5 })
			w.agents(w.ch.ID, 5, "ada")
			w.text(alice, "my billing")
			require.Equal(t, "ada", w.live(alice).Assignee)
			my, billing := says("my", toAgent("away")), says("billing", toTeam("night"))
			my.Timeout = routing.Timeout{AfterSeconds: 60, Then: routing.NextRule}
			my.AlsoAtHandOver, billing.AlsoAtHandOver = true, true
			w.rules(my, billing)
			lose(w)
			require.Equal(t, "agent:away", w.live(alice).Queue)
			w.later(time.Minute)
			require.Equal(t, "cy", w.live(alice).Assignee)
		})
	}
}

// A wait that somebody ended by hand has no limit any more.
func TestTransferEndsTheTimeout(t *testing.T) {
	t.Parallel()
	w := ruledWorld(t)
	w.presence("cy", livedesk.Offline)
	rule := says("my", toAgent("away"))
	rule.Timeout = routing.Timeout{AfterSeconds: 60, Then: routing.NextTier}
	w.rules(rule)
	w.text(alice, "my")
	_, err := w.desk.Transfer(w.ctx(), w.only().ID, toTeam("night"), host)
	require.NoError(t, err)
	w.later(61 * time.Second)
	require.Equal(t, "team:night", w.only().Queue)
}

func TestPutRules(t *testing.T) { // F96 in part
	t.Parallel()
	w := ruledWorld(t)
	none, err := w.desk.Rules(w.ctx())
	require.NoError(t, err)
	require.Equal(t, livedesk.RuleSet{}, none)
	stored, err := w.desk.PutRule(w.ctx(), routing.Rule{Condition: routing.Condition{Always: true}, Targets: []routing.Target{toTeam("night")}})
	require.NoError(t, err)
	require.NotEmpty(t, stored.ID)
	stored.Name = "everything"
	_, err = w.desk.PutRule(w.ctx(), stored)
	require.NoError(t, err)
	set, err := w.desk.Rules(w.ctx())
	require.NoError(t, err)
	require.Equal(t, []routing.Rule{stored}, set.Rules)

	next, err := w.desk.PutRules(w.ctx(), livedesk.RuleSet{Version: set.Version, Rules: []routing.Rule{says("b", toAgent("bo")), says("a", toAgent("ada"))}})
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, []string{next.Rules[0].ID, next.Rules[1].ID})
	require.NotEqual(t, set.Version, next.Version)
	_, err = w.desk.PutRules(w.ctx(), set)
	require.ErrorIs(t, err, livedesk.ErrConflict)
	require.NoError(t, w.desk.RemoveRule(w.ctx(), "a"))
	require.ErrorIs(t, w.desk.RemoveRule(w.ctx(), "a"), livedesk.ErrNotFound)
	_, err = w.desk.PutRule(w.ctx(), says("a", toAgent("ada"))) // over its tombstone
	require.NoError(t, err)
}

// What can't be used is refused when it is saved, with its path, and changes nothing.
func TestBadRulesAreRefused(t *testing.T) { // F96
	t.Parallel()
	w := ruledWorld(t)
	pattern := func(p string) routing.Rule {
		return routing.Rule{ID: "r", Condition: routing.Condition{Any: []routing.Condition{{Text: &routing.Text{Regexp: p}}}},
			Targets: []routing.Target{toAgent("bo")}}
	}
	for _, r := range []routing.Rule{pattern("("), pattern(strings.Repeat("a", 64<<10)), pattern("((a{100}){100}){100}")} {
		_, err := w.desk.PutRule(w.ctx(), r)
		require.NotEmpty(t, field(t, err, "condition.any[0].text.regexp"))
		require.Equal(t, "invalid", livedesk.ErrorCode(err))
		_, err = w.desk.PutRules(w.ctx(), livedesk.RuleSet{Rules: []routing.Rule{says("a", toAgent("bo")), r}})
		require.NotEmpty(t, field(t, err, "rules[1].condition.any[0].text.regexp"))
	}
	_, err := w.desk.PutRule(w.ctx(), routing.Rule{ID: "r", Targets: []routing.Target{toAgent("bo")}})
	require.NotEmpty(t, field(t, err, "condition"))
	set, err := w.desk.Rules(w.ctx())
	require.NoError(t, err)
	require.Empty(t, set.Rules)
}

// The bounds of a set hold for rules that come one by one.
func TestRulesFitTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	heavy := func(i int) routing.Rule {
		r := says(fmt.Sprintf("r%02d", i), toAgent("bo"))
		r.Condition = routing.Condition{Text: &routing.Text{Regexp: fmt.Sprintf("(abcdefgh%02d){40}", i)}}
		return r
	}
	var err error
	stored := -1
	for ; err == nil && stored < 30; stored++ {
		_, err = w.desk.PutRule(w.ctx(), heavy(stored+1))
	}
	require.Greater(t, stored, 1, "one by itself is fine: %v", err)
	require.NotEmpty(t, field(t, err, "condition.text.regexp"))
}

// A stored rule that can't be used is skipped, logged once, and named in decisions.
func TestBrokenStoredRule(t *testing.T) { // F96
	t.Parallel()
	var log logBuffer
	w := ruledWorld(t, func(s *settings) { s.Logger = log.logger() })
	w.rules(says("billing", toTeam("night")))
	require.NoError(t, w.store.Update(w.ctx(), func(ctx context.Context, tx livedesk.Tx) error {
		return tx.Apply(ctx, livedesk.Changes{Objects: []livedesk.Object{
			{Workspace: "main", Kind: "rule", ID: "a-broken", Data: []byte(`{"id":"a-broken","condition":{"mood":"bad"}}`)},
		}})
	}))
	w.settle()
	w.settle()
	w.text(alice, "billing")
	require.Equal(t, "cy", w.live(alice).Assignee)
	require.Equal(t, 1, strings.Count(log.String(), "routing rule can't be used"))
	list, err := w.desk.Explain(w.ctx(), w.only().ID)
	require.NoError(t, err)
	require.Equal(t, routing.OutcomeBroken, outcomes(list[0])["a-broken"])
	set, err := w.desk.Rules(w.ctx())
	require.NoError(t, err)
	require.Len(t, set.Broken, 1)
	require.Equal(t, "a-broken", set.Broken[0].ID)
	require.Empty(t, w.rules(set.Rules...).Broken)
}

func outcomes(d livedesk.Decision) map[string]routing.Outcome {
	out := map[string]routing.Outcome{}
	for _, s := range d.Rules {
		out[s.Rule] = s.Outcome
	}
	return out
}

// Rules are edited while customers write: each decision was made with one version that was stored, and says which.
func TestRulesEditedUnderLoad(t *testing.T) { // F105
	t.Parallel()
	w := ruledWorld(t)
	for _, a := range []string{"ada", "bo"} {
		w.agent(a, 0)
	}
	versions := map[string]string{w.rules(says("hello", toAgent("ada"))).Version: "ada"}
	var all sync.WaitGroup
	var hooks []smstest.Webhook
	for i := range 64 {
		hooks = append(hooks, w.genuine(smstest.Text{From: addr(phone(i)), Body: "hello"}))
	}
	for g := range 16 {
		all.Go(func() {
			for _, h := range hooks[g*4 : g*4+4] {
				w.call(request(h, ""))
			}
		})
	}
	for i := range 20 {
		to := []string{"bo", "ada"}[i%2]
		versions[w.rules(says("hello", toAgent(to))).Version] = to
	}
	all.Wait()
	require.Len(t, versions, 21)
	for _, c := range w.all(livedesk.List{}) {
		list, err := w.desk.Explain(w.ctx(), c.ID)
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.Equal(t, versions[list[0].Version], c.Assignee)
	}
}

// Two who edit at once: one of them is told to look again.
func TestRuleEditsDontOverwriteEachOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	set := w.rules(says("a", toAgent("bo")))
	var all sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for i := range 16 {
		all.Go(func() {
			_, err := w.desk.PutRules(w.ctx(), livedesk.RuleSet{Version: set.Version, Rules: []routing.Rule{says(fmt.Sprint("r", i), toAgent("bo"))}})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else {
				require.ErrorIs(t, err, livedesk.ErrConflict)
			}
		})
	}
	all.Wait()
	require.Equal(t, 1, won)
}

// A decision says what was looked at, and keeps nothing of what the customer wrote.
func TestExplain(t *testing.T) {
	t.Parallel()
	w := ruledWorld(t)
	w.agents(w.ch.ID, 1, "ada", "bo")
	w.presence("bo", livedesk.Busy)
	w.rules(says("billing", toTeam("night")), unavailable(says("secretword", toAgent("away")), routing.NextTier))
	w.text(alice, "secretword alpha-bravo")
	w.advance(time.Second)
	w.text(bob, "charlie")
	list, err := w.desk.Explain(w.ctx(), w.live(alice).ID)
	require.NoError(t, err)
	require.Len(t, list, 1)
	d := list[0]
	require.Equal(t, map[string]routing.Outcome{"billing": routing.OutcomeFailed, "secretword": routing.OutcomeMatched}, outcomes(d))
	require.Equal(t, "condition.text.keyword", d.Rules[0].Failed[0].Field)
	require.Equal(t, []livedesk.Look{
		{Tier: livedesk.TierRules, Rule: "secretword", Result: livedesk.LookNobody}, {Tier: livedesk.TierHumans, Result: livedesk.LookDecided},
	}, d.Looked)
	require.Equal(t, "ada", d.Agent)
	require.Equal(t, livedesk.ChannelQueue(w.ch.ID), d.Queue)
	require.Equal(t, []livedesk.Skipped{{Agent: "bo", Why: livedesk.SkipBusy}}, d.Skipped)
	doc, err := json.Marshal(d)
	require.NoError(t, err)
	require.NotContains(t, string(doc), "alpha")
	require.NotContains(t, string(doc), alice)
	require.Less(t, len(doc), 2000)

	waits := w.live(bob)
	require.NotEmpty(t, waits.Queue)
	_, err = w.desk.Resolve(w.ctx(), w.live(alice).ID, host)
	require.NoError(t, err)
	list, err = w.desk.Explain(w.ctx(), waits.ID)
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, livedesk.TierQueue, list[0].Tier)
	require.Equal(t, "ada", list[0].Agent)
	require.Equal(t, []livedesk.Skipped{{Agent: "ada", Why: livedesk.SkipFull}, {Agent: "bo", Why: livedesk.SkipBusy}}, list[1].Skipped)
	require.Equal(t, livedesk.LookWaits, list[1].Looked[1].Result)
	_, err = w.desk.Explain(w.ctx(), "none")
	require.ErrorIs(t, err, livedesk.ErrNotFound)
}

// A decision stays small whatever the desk is like.
func TestDecisionIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(nil)
	var rules []routing.Rule
	for i := range 100 {
		rules = append(rules, says(fmt.Sprintf("word%03d", i), toAgent("ada")))
	}
	w.rules(rules...)
	var members []string
	for i := range 50 {
		members = append(members, fmt.Sprintf("agent%02d", i))
		w.agent(members[i], 1)
	}
	require.NoError(t, w.desk.SetMembers(w.ctx(), w.ch.ID, members))
	w.text(alice, "hello")
	list, err := w.desk.Explain(w.ctx(), w.only().ID)
	require.NoError(t, err)
	require.Len(t, list[0].Rules, 20)
	require.Equal(t, "word099", list[0].Rules[19].Rule)
	require.Equal(t, 80, list[0].MoreRules)
	require.Len(t, list[0].Skipped, 20)
	require.Equal(t, 30, list[0].MoreSkipped)
	doc, err := json.Marshal(list[0])
	require.NoError(t, err)
	require.Less(t, len(doc), 8<<10)
}

// Whatever sends a conversation back, rules see the customer's last text.
func TestRulesSeeTheLastText(t *testing.T) {
	t.Parallel()
	by := livedesk.AgentActor("bo")
	for name, back := range map[string]func(w *world, id string) error{
		"unassigned": func(w *world, id string) error {
			_, err := w.desk.Unassign(w.ctx(), id, by)
			return err
		},
		"reopened": func(w *world, id string) error {
			_, err := w.desk.Resolve(w.ctx(), id, by)
			require.NoError(t, err)
			_, err = w.desk.Reopen(w.ctx(), id, livedesk.Actor{Kind: livedesk.ActorHost, ID: "crm"})
			return err
		},
		"woken": func(w *world, id string) error {
			_, err := w.desk.Snooze(w.ctx(), id, by, time.Time{})
			require.NoError(t, err)
			w.presence("bo", livedesk.Offline)
			_, err = w.desk.Wake(w.ctx(), id, by)
			return err
		},
		"woken in time": func(w *world, id string) error {
			_, err := w.desk.Snooze(w.ctx(), id, by, w.clock().Add(time.Minute))
			require.NoError(t, err)
			w.presence("bo", livedesk.Offline)
			w.later(61 * time.Second)
			return err
		},
		"its agent removed": func(w *world, id string) error { return w.desk.RemoveAgent(w.ctx(), "bo") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := ruledWorld(t)
			w.rules(says("billing", toTeam("night")))
			w.presence("cy", livedesk.Offline)
			w.text(alice, "hello")
			w.text(alice, "about my billing")
			c, err := w.desk.Assign(w.ctx(), w.live(alice).ID, "bo", by)
			require.NoError(t, err)
			for range 60 {
				_, err = w.desk.AddNote(w.ctx(), c.ID, by, "hm")
				require.NoError(t, err)
			}
			require.NoError(t, back(w, c.ID))
			require.Equal(t, "team:night", w.live(alice).Queue)
		})
	}
}
