package routing_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/routing"
)

func TestExplanation(t *testing.T) {
	t.Parallel()
	yes := routing.Condition{Always: true}
	off, elsewhere, once := rule("off", 1, yes), rule("elsewhere", 2, yes), rule("once", 3, yes)
	off.Disabled, elsewhere.Channels, once.AlsoAtHandOver = true, []string{"ch2"}, false
	vip := rule("vip", 4, routing.Condition{All: []routing.Condition{
		{Any: []routing.Condition{{Hours: routing.HoursOpen}, {Country: []string{"FR"}}}},
		{Text: &routing.Text{Keyword: []string{"refund", "money back", "chargeback"}}},
		{Contact: routing.ReturningContact},
	}})
	vip.Name = "Angry"
	rules := compiled(t, off, elsewhere, once, vip, rule("rest", 5, yes), rule("never reached", 6, yes))
	f := routing.Facts{Channel: "ch1", Cause: routing.CauseHandOver, Open: true, Text: "my secret"}
	e := rules.Explain(f)
	require.Equal(t, routing.Explanation{Version: "v1", Winner: "rest", Steps: []routing.Step{
		{Rule: "off", Outcome: routing.OutcomeOff},
		{Rule: "elsewhere", Outcome: routing.OutcomeOtherChannel},
		{Rule: "once", Outcome: routing.OutcomeNotAtHandOver},
		{Rule: "vip", Name: "Angry", Outcome: routing.OutcomeFailed, Failed: []routing.Failure{
			{Field: "condition.all[1].text.keyword", Why: "text has none of 3 keywords"},
		}},
		{Rule: "rest", Outcome: routing.OutcomeMatched},
	}}, e)
	require.Equal(t, strings.Join([]string{
		"off: off", "elsewhere: other channel", "once: not at hand over",
		"vip (Angry): failed, condition.all[1].text.keyword: text has none of 3 keywords", "rest: matched",
	}, "\n"), e.String())
	f.Open = false
	e = rules.ExplainAfter(routing.Place{Order: 3, Rule: "once"}, f)
	require.Equal(t, "vip (Angry): failed, condition.all[0].any[0].hours: hours are closed; condition.all[0].any[1].country: "+
		"country is unknown\nrest: matched", e.String())
	require.Equal(t, "no rule decides", rules.ExplainAfter(routing.Place{Order: 6, Rule: "never reached"}, f).String())

	data, err := json.Marshal(e)
	require.NoError(t, err)
	var again routing.Explanation
	require.NoError(t, json.Unmarshal(data, &again))
	require.Equal(t, e, again)
	require.Contains(t, string(data), `"winner":"rest"`)
	require.Contains(t, string(data), `"outcome":"failed"`)
}

// Each question says why it holds (seen under not) and why it doesn't, without the text, a number or a value.
func TestReasons(t *testing.T) {
	t.Parallel()
	f := routing.Facts{
		Channel: "ch1", At: time.Date(2026, 6, 15, 20, 30, 0, 0, time.UTC), Open: true, Text: "SECRET text 1", Media: 2, Labels: []string{"x"},
		Contact: routing.Contact{
			Address: "+14155550100", Country: "US", Language: "en-US", Labels: []string{"y"},
			Attributes: map[string]string{"plan": "SECRET plan"},
		},
		Available: func(t routing.Target) bool { return t.ID == "ada" },
	}
	attribute := func(name string, equals ...string) routing.Condition {
		return routing.Condition{ContactAttribute: &routing.Attribute{Name: name, Equals: equals, Exists: equals == nil}}
	}
	text := func(t routing.Text) routing.Condition { return routing.Condition{Text: &t} }
	for _, c := range []struct {
		cond routing.Condition
		why  string
	}{
		{routing.Condition{Channel: []string{"a", "b"}}, "channel is none of 2 channels"},
		{routing.Condition{Channel: []string{"ch1"}}, "channel is the one asked for"},
		{routing.Condition{Sender: []string{"+33612345678"}}, "sender isn't the one asked for"},
		{routing.Condition{Sender: []string{"+33612345678", "+14155550100"}}, "sender is one of 2 numbers"},
		{routing.Condition{SenderPrefix: []string{"+33"}}, "sender doesn't begin with the prefix"},
		{routing.Condition{SenderPrefix: []string{"+33", "+1"}}, "sender begins with one of 2 prefixes"},
		{routing.Condition{Country: []string{"FR"}}, `country is "US"`},
		{routing.Condition{Language: []string{"fr"}}, `language is "en-US"`},
		{routing.Condition{ContactLabel: []string{"x"}}, "contact doesn't have the label"},
		{routing.Condition{ContactLabel: []string{"y"}}, "contact has the label"},
		{routing.Condition{ConversationLabel: []string{"y", "z"}}, "conversation has none of 2 labels"},
		{attribute("plan"), `contact has an attribute "plan"`},
		{attribute("city"), `contact has no attribute "city"`},
		{attribute("plan", "gold"), `attribute "plan" is something else`},
		{attribute("plan", "secret plan"), `attribute "plan" is one of those named`},
		{routing.Condition{Contact: routing.NewContact}, "contact is new"},
		{routing.Condition{Contact: routing.ReturningContact}, "contact is new"},
		{routing.Condition{Hours: routing.HoursClosed}, "hours are open"},
		{routing.Condition{AtHandOver: true}, "this is no hand-over"},
		{routing.Condition{Media: &routing.Count{Max: new(1)}}, "message has 2 media"},
		{routing.Condition{Weekday: &routing.Weekday{Days: []string{"sunday"}, Zone: "UTC"}}, "it is Monday 20:30 in UTC"},
		{routing.Condition{TimeOfDay: &routing.TimeOfDay{From: "00:00", To: "01:00", Zone: "Europe/Paris"}}, "it is Monday 22:30 in Europe/Paris"},
		{routing.Condition{Available: &routing.Target{Kind: routing.ToTeam, ID: "sales"}}, "team sales has nobody free"},
		{routing.Condition{Available: &routing.Target{Kind: routing.ToAgent, ID: "ada"}}, "agent ada has somebody free"},
		{routing.Condition{Available: &routing.Target{Kind: routing.ToTeam, ID: "sales", Skills: []string{"vip", "billing"}, Language: "fr"}},
			"team sales with vip, billing who speak fr has nobody free"},
		{routing.Condition{Available: &routing.Target{Kind: routing.ToHumans, Language: routing.ContactLanguage}},
			"humans who speak the contact's language has nobody free"},
		{routing.Condition{Available: &routing.Target{Kind: routing.ToHumans}}, "humans has nobody free"},
		{text(routing.Text{Contains: []string{"zzz", "yyy"}}), "text has none of 2 phrases"},
		{text(routing.Text{Contains: []string{"secret"}}), "text has the phrase"},
		{text(routing.Text{StartsWith: []string{"zzz"}}), "text doesn't begin with the phrase"},
		{text(routing.Text{Equals: []string{"zzz"}}), "text isn't the phrase"},
		{text(routing.Text{Keyword: []string{"zzz"}}), "text doesn't have the keyword"},
		{text(routing.Text{Regexp: `\d`}), "text matches"},
		{text(routing.Text{Regexp: `[x-z]{5}`}), "text doesn't match"},
		{routing.Condition{Always: true}, "always holds"},
	} {
		if holds(t, c.cond, f) {
			c.cond = routing.Condition{Not: new(c.cond)}
		}
		e := compiled(t, rule("r", 1, c.cond)).Explain(f)
		require.Len(t, e.Steps[0].Failed, 1)
		require.Equal(t, c.why, e.Steps[0].Failed[0].Why)
		require.True(t, strings.HasPrefix(e.Steps[0].Failed[0].Field, "condition"))
		require.NotContains(t, e.String(), "SECRET")
		require.NotContains(t, e.String(), "4155550100")
	}
}

// Groups under not say what keeps them from failing.
func TestReasonsUnderNot(t *testing.T) {
	t.Parallel()
	open, newOne := routing.Condition{Hours: routing.HoursOpen}, routing.Condition{Contact: routing.NewContact}
	for _, c := range []struct {
		cond routing.Condition
		want []string
	}{
		{routing.Condition{Not: &routing.Condition{Any: []routing.Condition{newOne, open}}}, []string{"condition.not.any[0].contact"}},
		{routing.Condition{Not: &routing.Condition{All: []routing.Condition{newOne, open}}}, []string{"condition.not.all[0].contact", "condition.not.all[1].hours"}},
		{routing.Condition{Not: &routing.Condition{Not: &routing.Condition{Hours: routing.HoursClosed}}}, []string{"condition.not.not.hours"}},
	} {
		e := compiled(t, rule("r", 1, c.cond)).Explain(routing.Facts{Open: true})
		var fields []string
		for _, f := range e.Steps[0].Failed {
			fields = append(fields, f.Field)
		}
		require.Equal(t, c.want, fields)
	}
	many := make([]routing.Condition, 50)
	for i := range many {
		many[i] = routing.Condition{Hours: routing.HoursClosed}
	}
	require.Len(t, compiled(t, rule("r", 1, routing.Condition{Any: many})).Explain(routing.Facts{Open: true}).Steps[0].Failed, 8)
}
