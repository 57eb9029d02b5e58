package routing_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/routing"
)

var toTeam = []routing.Target{{Kind: routing.ToTeam, ID: "t"}}

// rule makes a rule of a condition, with what is required besides.
func rule(id string, order int, c routing.Condition) routing.Rule {
	return routing.Rule{ID: id, Order: order, Condition: c, Targets: toTeam, AlsoAtHandOver: true}
}

func compiled(t testing.TB, rules ...routing.Rule) *routing.Rules {
	t.Helper()
	r, err := routing.Compile("v1", rules)
	require.NoError(t, err)
	return r
}

// holds says whether a condition holds, by Route and by Explain.
func holds(t testing.TB, c routing.Condition, f routing.Facts) bool {
	t.Helper()
	r := compiled(t, rule("r", 1, c))
	held := r.Route(f).Targets != nil
	require.Equal(t, held, r.Explain(f).Winner != "", "Explain disagrees: %s", r.Explain(f))
	return held
}

func TestQuestions(t *testing.T) {
	t.Parallel()
	contact := func(set func(*routing.Contact)) routing.Facts {
		var f routing.Facts
		set(&f.Contact)
		return f
	}
	sender := func(s string) routing.Facts { return contact(func(c *routing.Contact) { c.Address = s }) }
	language := func(s string) routing.Facts { return contact(func(c *routing.Contact) { c.Language = s }) }
	country := func(s string) routing.Facts { return contact(func(c *routing.Contact) { c.Country = s }) }
	plan := func(s string) routing.Facts {
		return contact(func(c *routing.Contact) { c.Attributes = map[string]string{"plan": s, "a": "1", "b": "2", "c": "3"} })
	}
	gold := routing.Condition{ContactAttribute: &routing.Attribute{Name: "plan", Equals: []string{"Gold", "crème"}}}
	french := routing.Condition{Language: []string{"fr", "pt-BR"}}
	nobody := func(routing.Target) bool { return false }
	salesOnly := func(t routing.Target) bool { return t.Equal(routing.Target{Kind: routing.ToTeam, ID: "sales"}) }
	frenchSales := func(t routing.Target) bool {
		return t.Equal(routing.Target{Kind: routing.ToTeam, ID: "sales", Skills: []string{"billing", "vip"}, Language: "fr"})
	}
	narrow := func(language string, skills ...string) routing.Condition {
		return routing.Condition{Available: &routing.Target{Kind: routing.ToTeam, ID: "sales", Skills: skills, Language: language}}
	}
	available := func(kind routing.TargetKind, id string) routing.Condition {
		return routing.Condition{Available: &routing.Target{Kind: kind, ID: id}}
	}
	for _, c := range []struct {
		name string
		cond routing.Condition
		f    routing.Facts
		want bool
	}{
		{"always", routing.Condition{Always: true}, routing.Facts{}, true},
		{"channel", routing.Condition{Channel: []string{"a", "b"}}, routing.Facts{Channel: "b"}, true},
		{"another channel", routing.Condition{Channel: []string{"a", "b"}}, routing.Facts{Channel: "B"}, false},
		{"sender", routing.Condition{Sender: []string{"+14155550100"}}, sender("+14155550100"), true},
		{"a longer sender", routing.Condition{Sender: []string{"+1415555010"}}, sender("+14155550100"), false},
		{"sender id", routing.Condition{Sender: []string{"AMAZON"}}, sender("AMAZON"), true},
		{"prefix", routing.Condition{SenderPrefix: []string{"+33", "+1415"}}, sender("+14155550100"), true},
		{"whole prefix", routing.Condition{SenderPrefix: []string{"+33"}}, sender("+33"), true},
		{"sender shorter than the prefix", routing.Condition{SenderPrefix: []string{"+1415"}}, sender("+14"), false},
		{"country", routing.Condition{Country: []string{"FR", "CA"}}, country("CA"), true},
		{"country in small letters", routing.Condition{Country: []string{"CA"}}, country("ca"), true},
		{"country unknown", routing.Condition{Country: []string{"CA"}}, country(""), false},
		{"not of a country unknown", routing.Condition{Not: &routing.Condition{Country: []string{"CA"}}}, country(""), true},
		{"a country that is none", routing.Condition{Country: []string{"CA"}}, country("CAN"), false},
		{"attribute", gold, plan("gold"), true},
		{"attribute with accent and blanks", gold, plan(" CREME "), true},
		{"attribute is more", gold, plan("golden"), false},
		{"attribute is missing", gold, routing.Facts{}, false},
		{"attribute is empty", gold, plan(""), false},
		{"attribute exists", routing.Condition{ContactAttribute: &routing.Attribute{Name: "plan", Exists: true}}, plan(""), true},
		{"attribute's name is exact", routing.Condition{ContactAttribute: &routing.Attribute{Name: "Plan", Exists: true}}, plan("x"), false},
		{"contact's label", routing.Condition{ContactLabel: []string{"vip"}}, contact(func(c *routing.Contact) { c.Labels = []string{"x", "vip"} }), true},
		{"contact's label is exact", routing.Condition{ContactLabel: []string{"vip"}}, contact(func(c *routing.Contact) { c.Labels = []string{"VIP"} }), false},
		{"the conversation's label isn't the contact's", routing.Condition{ContactLabel: []string{"vip"}}, routing.Facts{Labels: []string{"vip"}}, false},
		{"conversation's label", routing.Condition{ConversationLabel: []string{"a", "vip"}}, routing.Facts{Labels: []string{"vip"}}, true},
		{"new", routing.Condition{Contact: routing.NewContact}, routing.Facts{}, true},
		{"not new", routing.Condition{Contact: routing.NewContact}, contact(func(c *routing.Contact) { c.Returning = true }), false},
		{"returning", routing.Condition{Contact: routing.ReturningContact}, contact(func(c *routing.Contact) { c.Returning = true }), true},
		{"language", french, language("fr"), true},
		{"language with region", french, language("FR-ca"), true},
		{"language with underscore", french, language("fr_CA"), true},
		{"language with script and region", french, language("pt-br-x-private"), true},
		{"language without the region asked for", french, language("pt"), false},
		{"another region", french, language("pt-PT"), false},
		{"a language that only begins so", french, language("fry"), false},
		{"language unknown", french, language(""), false},
		{"a language of rubbish", french, language("fr-" + strings.Repeat("x", 100)), false},
		{"open", routing.Condition{Hours: routing.HoursOpen}, routing.Facts{Open: true}, true},
		{"not open", routing.Condition{Hours: routing.HoursOpen}, routing.Facts{}, false},
		{"closed", routing.Condition{Hours: routing.HoursClosed}, routing.Facts{}, true},
		{"at least one picture", routing.Condition{Media: &routing.Count{Min: new(1)}}, routing.Facts{Media: 1}, true},
		{"no picture", routing.Condition{Media: &routing.Count{Min: new(1)}}, routing.Facts{}, false},
		{"none wanted", routing.Condition{Media: &routing.Count{Max: new(0)}}, routing.Facts{}, true},
		{"too many", routing.Condition{Media: &routing.Count{Min: new(1), Max: new(2)}}, routing.Facts{Media: 3}, false},
		{"hand-over", routing.Condition{AtHandOver: true}, routing.Facts{Cause: routing.CauseHandOver}, true},
		{"no hand-over", routing.Condition{AtHandOver: true}, routing.Facts{Cause: routing.CauseNew}, false},
		{"team available", available(routing.ToTeam, "sales"), routing.Facts{Available: salesOnly}, true},
		{"agent of the same id", available(routing.ToAgent, "sales"), routing.Facts{Available: salesOnly}, false},
		{"those with skills", narrow("fr", "billing", "vip"), routing.Facts{Available: frenchSales}, true},
		{"those with other skills", narrow("fr", "billing"), routing.Facts{Available: frenchSales}, false},
		{"those of another language", narrow("de", "billing", "vip"), routing.Facts{Available: frenchSales}, false},
		{"all of them", narrow(""), routing.Facts{Available: frenchSales}, false},
		{"nobody available", available(routing.ToHumans, ""), routing.Facts{Available: nobody}, false},
		{"nobody told", available(routing.ToHumans, ""), routing.Facts{}, false},
		{"all", routing.Condition{All: []routing.Condition{{Contact: routing.NewContact}, {Hours: routing.HoursOpen}}}, routing.Facts{Open: true}, true},
		{"not all", routing.Condition{All: []routing.Condition{{Contact: routing.NewContact}, {Hours: routing.HoursOpen}}}, routing.Facts{}, false},
		{"any", routing.Condition{Any: []routing.Condition{{Contact: routing.ReturningContact}, {Hours: routing.HoursOpen}}}, routing.Facts{Open: true}, true},
		{"none of any", routing.Condition{Any: []routing.Condition{{Contact: routing.ReturningContact}, {Hours: routing.HoursOpen}}}, routing.Facts{}, false},
		{"never", routing.Condition{Not: &routing.Condition{Always: true}}, routing.Facts{}, false},
	} {
		require.Equal(t, c.want, holds(t, c.cond, c.f), c.name)
	}
}

func TestTexts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		ask  routing.Text
		yes  []string
		no   []string
	}{
		{"contains", routing.Text{Contains: []string{"pay", "café"}},
			[]string{"pay", "I'll PAYMENT", "Un CAFE svp", "cafe\u0301s"}, []string{"", "p a y", "caf"}},
		{"starts with", routing.Text{StartsWith: []string{"order"}}, []string{"order", "  Orders please", "ÓRDER"}, []string{"my order", "(order)"}},
		{"equals", routing.Text{Equals: []string{"yes please"}}, []string{"yes please", " YES\n please "}, []string{"yes please!", "oh yes please", "yesplease"}},
		{"keyword", routing.Text{Keyword: []string{"pay"}},
			[]string{"pay", "Pay!", "(pay)", "pre-pay", "l'pay", "payment? pay", "😀pay😀"}, []string{"payment", "repay", "pay2", "páys", "ÉPAY"}},
		{"keyword of two words", routing.Text{Keyword: []string{"opening hours"}},
			[]string{"Your opening   hours?", "opening\u00a0hours", "the opening\nhours."}, []string{"opening-hours", "opening hoursx", "reopening hours"}},
		{"keyword that ends in a sign", routing.Text{Keyword: []string{"c++", "5€", "👍"}},
			[]string{"c++", "c++11", "it costs 5€.", "ok👍"}, []string{"c", "abc++", "15€"}},
		{"keyword in other scripts", routing.Text{Keyword: []string{"цена", "τιμή", "السعر"}},
			[]string{"ЦЕНА?", "ποια τιμη", "ما السعر؟"}, []string{"оценка", "ценах", "والسعر"}},
		{"apostrophes and quotes", routing.Text{Contains: []string{"don't", `"a"`}}, []string{"I don’t", "“A”", "«a»"}, []string{"dont"}},
		{"dashes, dots, blanks", routing.Text{Contains: []string{"a-b", "wait..."}}, []string{"a–b", "a—b", "wait…"}, []string{"a b"}},
		{"what nobody sees", routing.Text{Keyword: []string{"hello"}}, []string{"\ufeffhel\u200blo\u200d", "he\u00adllo", "\u202ehello"}, nil},
		{"letters that are two", routing.Text{Equals: []string{"strasse", "oeuvre", "Thor", "aether"}},
			[]string{"Straße", "STRAẞE", "Œuvre", "þor", "ÆTHER"}, []string{"strase"}},
		{"strokes and dots", routing.Text{Equals: []string{"lodz", "istanbul", "dong", "kobenhavn"}},
			[]string{"ŁÓDŹ", "İstanbul", "ıstanbul", "đồng", "København"}, nil},
		{"full width", routing.Text{Equals: []string{"hello 1"}}, []string{"ＨＥＬＬＯ　１"}, nil},
		{"letters that people keep apart", routing.Text{Equals: []string{"мой"}}, []string{"МОЙ"}, []string{"мои"}},
		{"ё is е", routing.Text{Equals: []string{"еще"}}, []string{"Ещё"}, nil},
		{"greek", routing.Text{Equals: []string{"οδος", "καφέ"}}, []string{"ΟΔΌΣ", "οδός", "ΚΑΦΕ"}, nil},
		{"signs of units", routing.Text{Equals: []string{"5 k å ω"}}, []string{"5 \u212a \u212b \u2126"}, nil},
		{"regexp", routing.Text{Regexp: `order\s*#?\d{3,}`}, []string{"ORDER 123", "my order#1234"}, []string{"order 12", "order no 123"}},
		{"regexp of another case", routing.Text{Regexp: `(?-i)Order`}, []string{"Order"}, []string{"order"}},
		{"regexp counts accents", routing.Text{Regexp: `café`}, []string{"CAFÉ"}, []string{"cafe"}},
		{"regexp with ends", routing.Text{Regexp: `^\d$`}, []string{"5"}, []string{"55", " 5"}},
		{"regexp of alternatives", routing.Text{Regexp: `refund|money back|€€`}, []string{"a refund", "Money Back", "€€"}, []string{"money", "€"}},
		{"regexp of a long s", routing.Text{Regexp: `kiss`}, []string{"\u212aiſs"}, nil},
		{"regexp of what may be left out", routing.Text{Regexp: `^(?:please )?(pay){0,2} ?now`}, []string{"now", "please paypay now"}, []string{"no"}},
		{"regexp of a letter that may be a mark", routing.Text{Regexp: `ιx`}, []string{"ΙX", "\u0345x"}, nil},
		{"regexp that may be nothing", routing.Text{Regexp: `^(stop)?$`}, []string{"", "stop"}, []string{"go"}},
		{"ill-formed text", routing.Text{Contains: []string{"pay"}}, []string{"\xff\xfepay\xc3"}, []string{"\xff", "pa\xffy"}},
	} {
		cond := routing.Condition{Text: &c.ask}
		for _, s := range c.yes {
			require.True(t, holds(t, cond, routing.Facts{Text: s}), "%s: %q", c.name, s)
		}
		for _, s := range c.no {
			require.False(t, holds(t, cond, routing.Facts{Text: s}), "%s: %q", c.name, s)
		}
	}
}

// Only the first 2,048 characters of a text are looked at, whatever they are.
func TestLongTexts(t *testing.T) {
	t.Parallel()
	for name, filler := range map[string]string{"ascii": "x", "wide": "é", "ill-formed": "\xff", "unseen": "\u200b", "blank": " "} {
		before := strings.Repeat(filler, 2040)
		for _, cond := range []routing.Condition{
			{Text: &routing.Text{Contains: []string{"needle"}}}, {Text: &routing.Text{Regexp: "needle"}}, {Text: &routing.Text{Regexp: `n[e]{2}dl.`}},
		} {
			require.True(t, holds(t, cond, routing.Facts{Text: before + "  needle and more"}), name)
			require.False(t, holds(t, cond, routing.Facts{Text: before + "   needle"}), name)
		}
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	at := func(s string) routing.Facts {
		at, err := time.Parse(time.RFC3339, s)
		require.NoError(t, err)
		return routing.Facts{At: at}
	}
	clock := func(from, to, zone string) routing.Condition {
		return routing.Condition{TimeOfDay: &routing.TimeOfDay{From: from, To: to, Zone: zone}}
	}
	days := func(zone string, days ...string) routing.Condition {
		return routing.Condition{Weekday: &routing.Weekday{Days: days, Zone: zone}}
	}
	night, paris := clock("22:00", "06:00", "Europe/Paris"), clock("09:00", "17:30", "Europe/Paris")
	for _, c := range []struct {
		name string
		cond routing.Condition
		at   string
		want bool
	}{
		{"just before", paris, "2026-06-15T06:59:59Z", false},
		{"at the start", paris, "2026-06-15T07:00:00Z", true},
		{"last second", paris, "2026-06-15T15:29:59Z", true},
		{"the end is out", paris, "2026-06-15T15:30:00Z", false},
		{"in winter", paris, "2026-01-15T08:00:00Z", true},
		{"night before midnight", night, "2026-01-15T21:00:00Z", true},
		{"night after midnight", night, "2026-01-16T04:59:00Z", true},
		{"night is over", night, "2026-01-16T05:00:00Z", false},
		{"day", night, "2026-01-16T12:00:00Z", false},
		{"to midnight", clock("20:00", "24:00", "UTC"), "2026-01-16T23:59:59Z", true},
		{"midnight is out", clock("20:00", "24:00", "UTC"), "2026-01-17T00:00:00Z", false},
		{"all day", clock("00:00", "24:00", "UTC"), "2026-01-17T00:00:00Z", true},
		{"skipped hour is never shown", clock("02:00", "03:00", "Europe/Paris"), "2026-03-29T01:00:00Z", false},
		{"repeated hour counts first", clock("02:00", "03:00", "Europe/Paris"), "2026-10-25T00:30:00Z", true},
		{"and again", clock("02:00", "03:00", "Europe/Paris"), "2026-10-25T01:30:00Z", true},
		{"odd offset", clock("05:45", "06:00", "Asia/Kathmandu"), "2026-01-17T00:00:00Z", true},
		{"saturday", days("Europe/Paris", "saturday"), "2026-06-20T10:00:00Z", true},
		{"saturday there already", days("Europe/Paris", "saturday"), "2026-06-19T22:00:00Z", true},
		{"not saturday there yet", days("America/New_York", "saturday"), "2026-06-20T03:59:00Z", false},
		{"one of the weekend", days("UTC", "saturday", "sunday"), "2026-06-21T00:00:00Z", true},
		{"not on monday", days("UTC", "saturday", "sunday"), "2026-06-22T00:00:00Z", false},
	} {
		require.Equal(t, c.want, holds(t, c.cond, at(c.at)), c.name)
	}
}

// The first rule in the order decides; scope, switch and hand-over take rules out of the walk.
func TestWalk(t *testing.T) {
	t.Parallel()
	yes := routing.Condition{Always: true}
	off, elsewhere, once := rule("a-off", 0, yes), rule("b-elsewhere", 0, yes), rule("c-once", 0, yes)
	off.Disabled, elsewhere.Channels, once.AlsoAtHandOver = true, []string{"ch2", "ch3"}, false
	no := rule("d-no", 1, routing.Condition{Not: &yes})
	rules := compiled(t, rule("z-last", 9, yes), rule("f", 2, yes), rule("e", 2, yes), no, once, elsewhere, off)
	walk := func(f routing.Facts) (ids []string) {
		for d := rules.Route(f); d.Targets != nil && len(ids) < 10; d = rules.After(d.Place, f) {
			ids = append(ids, d.Place.Rule)
		}
		return ids
	}
	require.Equal(t, []string{"c-once", "e", "f", "z-last"}, walk(routing.Facts{Channel: "ch1"}))
	require.Equal(t, []string{"b-elsewhere", "c-once", "e", "f", "z-last"}, walk(routing.Facts{Channel: "ch3"}))
	require.Equal(t, []string{"e", "f", "z-last"}, walk(routing.Facts{Channel: "ch1", Cause: routing.CauseHandOver}))

	// A place keeps its meaning when its rule is gone or never was.
	for place, want := range map[routing.Place]string{
		{}: "c-once", {Order: 0, Rule: "a"}: "c-once", {Order: 0, Rule: "c-once"}: "e", {Order: 2, Rule: "ee"}: "f",
		{Order: 3}: "z-last", {Order: 9, Rule: "z-last"}: "", {Order: 9, Rule: "zz"}: "", {Order: 1 << 40}: "",
	} {
		require.Equal(t, want, rules.After(place, routing.Facts{}).Place.Rule, "%v", place)
	}
}

func TestDecision(t *testing.T) {
	t.Parallel()
	r := routing.Rule{
		ID: "vip", Name: "Gold customers", Order: 7, Condition: routing.Condition{Always: true},
		Targets:   []routing.Target{{Kind: routing.ToAgent, ID: "ada"}, {Kind: routing.ToTeam, ID: "gold"}},
		AddLabels: []string{"vip"}, SetPriority: new(routing.High), Timeout: routing.Timeout{AfterSeconds: 300, Then: routing.NextRule},
	}
	want := routing.Decision{
		Targets: r.Targets, Reason: "Gold customers", Labels: []string{"vip"}, Priority: new(routing.High), Unavailable: routing.Wait,
		Timeout: r.Timeout, Place: routing.Place{Order: 7, Rule: "vip"}, Version: "v1",
	}
	rules := compiled(t, r)
	r.Targets[0].ID, r.AddLabels[0], *r.SetPriority = "changed", "changed", routing.Low // no memory is shared
	want.Targets = []routing.Target{{Kind: routing.ToAgent, ID: "ada"}, {Kind: routing.ToTeam, ID: "gold"}}
	require.Equal(t, want, rules.Route(routing.Facts{}))
	require.Equal(t, 5*time.Minute, want.Timeout.Duration())

	for name, c := range map[string]struct {
		unavailable routing.Fallback
		targets     []routing.Target
		want        routing.Fallback
	}{
		"waits by itself":        {"", toTeam, routing.Wait},
		"waits":                  {routing.Wait, toTeam, routing.Wait},
		"next rule":              {routing.NextRule, toTeam, routing.NextRule},
		"AI has no queue":        {"", []routing.Target{{Kind: routing.ToAI, ID: "bot"}}, routing.NextTier},
		"AI, then the next rule": {routing.NextRule, []routing.Target{{Kind: routing.ToAI, ID: "bot"}}, routing.NextRule},
		"AI, else a team":        {"", []routing.Target{{Kind: routing.ToAI, ID: "bot"}, toTeam[0]}, routing.Wait},
	} {
		r := routing.Rule{ID: "r", Condition: routing.Condition{Always: true}, Targets: c.targets, Unavailable: c.unavailable}
		d := compiled(t, r).Route(routing.Facts{})
		require.Equal(t, c.want, d.Unavailable, name)
		require.Equal(t, "r", d.Reason, "the id where there is no name")
	}
}

// Without rules, or with none that holds, the router passes.
func TestPass(t *testing.T) {
	t.Parallel()
	var none *routing.Rules
	require.Equal(t, routing.Decision{}, none.Route(routing.Facts{}))
	require.Equal(t, routing.Explanation{}, none.Explain(routing.Facts{}))
	require.Empty(t, none.Version())
	require.Empty(t, none.Asks())
	require.Equal(t, routing.Decision{}, new(routing.Rules).Route(routing.Facts{Text: "x"}))
	require.Equal(t, routing.Decision{Version: "v1"}, compiled(t).Route(routing.Facts{}))
	r := compiled(t, rule("r", 1, routing.Condition{Hours: routing.HoursOpen}))
	require.Equal(t, routing.Decision{Version: "v1"}, r.Route(routing.Facts{}))
}

// What is dear to find out is asked at most once, only when a rule gets to it, and can be told beforehand.
func TestAvailabilityIsAskedOnce(t *testing.T) {
	t.Parallel()
	sales, ada := routing.Target{Kind: routing.ToTeam, ID: "sales"}, routing.Target{Kind: routing.ToAgent, ID: "ada"}
	ask := func(t routing.Target) routing.Condition { return routing.Condition{Available: &t} }
	both := func(a, b routing.Condition) routing.Condition {
		return routing.Condition{All: []routing.Condition{a, b}}
	}
	off := rule("off", 0, ask(routing.Target{Kind: routing.ToHumans}))
	off.Disabled = true
	rules := compiled(t, off,
		rule("a", 1, both(ask(ada), routing.Condition{Hours: routing.HoursOpen})),
		rule("b", 2, both(ask(sales), routing.Condition{Contact: routing.NewContact})),
		rule("c", 3, routing.Condition{Any: []routing.Condition{ask(sales), {Channel: []string{"x"}}}}),
		rule("d", 4, routing.Condition{Not: new(ask(sales))}),
	)
	require.Equal(t, []routing.Target{ada, sales}, rules.Asks())
	var asked []routing.Target
	f := routing.Facts{Available: func(t routing.Target) bool { asked = append(asked, t); return false }}
	require.Equal(t, "d", rules.Route(f).Place.Rule)
	require.Equal(t, []routing.Target{sales}, asked, "ada's rule is for open hours")
}

// One set serves many goroutines.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	rules := ruleSet(t, 300, mixed)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				f := facts()
				if d := rules.Route(f); d.Place.Order != 299 {
					t.Errorf("%+v", d)
				}
				f.Channel = "elsewhere"
				if d := rules.Route(f); d.Targets != nil {
					t.Errorf("%+v", d)
				}
			}
		})
	}
	all.Wait()
}
