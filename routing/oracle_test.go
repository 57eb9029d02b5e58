package routing_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/routing"
)

// This file decides the slow and plain way, and compares: no index, no gates, one question after the other as they
// are written. The words come from small sets, so that rules hold often and several at once.

func inOrder(rules []routing.Rule) []routing.Rule {
	sorted := slices.Clone(rules)
	slices.SortFunc(sorted, func(a, b routing.Rule) int { return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.ID, b.ID)) })
	return sorted
}

// oracle returns the id of the first rule behind from that holds.
func oracle(sorted []routing.Rule, from routing.Place, f routing.Facts) string {
	for _, r := range sorted {
		behind := r.Order > from.Order || r.Order == from.Order && r.ID > from.Rule
		looked := !r.Disabled && (f.Cause != routing.CauseHandOver || r.AlsoAtHandOver) &&
			(len(r.Channels) == 0 || slices.Contains(r.Channels, f.Channel))
		if behind && looked && oracleHolds(r.Condition, f) {
			return r.ID
		}
	}
	return ""
}

func oracleHolds(c routing.Condition, f routing.Facts) bool {
	switch {
	case c.Always:
		return true
	case c.All != nil:
		return !slices.ContainsFunc(c.All, func(c routing.Condition) bool { return !oracleHolds(c, f) })
	case c.Any != nil:
		return slices.ContainsFunc(c.Any, func(c routing.Condition) bool { return oracleHolds(c, f) })
	case c.Not != nil:
		return !oracleHolds(*c.Not, f)
	case c.Channel != nil:
		return slices.Contains(c.Channel, f.Channel)
	case c.Sender != nil:
		return slices.Contains(c.Sender, f.Contact.Address)
	case c.SenderPrefix != nil:
		return slices.ContainsFunc(c.SenderPrefix, func(p string) bool { return strings.HasPrefix(f.Contact.Address, p) })
	case c.Country != nil:
		return slices.ContainsFunc(c.Country, func(s string) bool { return strings.EqualFold(s, f.Contact.Country) })
	case c.Language != nil:
		return slices.ContainsFunc(c.Language, func(s string) bool {
			have, want := strings.ToLower(f.Contact.Language), strings.ToLower(s)
			return have == want || strings.HasPrefix(have, want+"-")
		})
	case c.ContactLabel != nil:
		return overlap(c.ContactLabel, f.Contact.Labels)
	case c.ConversationLabel != nil:
		return overlap(c.ConversationLabel, f.Labels)
	case c.Contact != "":
		return (c.Contact == routing.ReturningContact) == f.Contact.Returning
	case c.Hours != "":
		return (c.Hours == routing.HoursOpen) == f.Open
	case c.AtHandOver:
		return f.Cause == routing.CauseHandOver
	case c.Available != nil:
		return f.Available(*c.Available)
	case c.Text != nil:
		return oracleText(*c.Text, f.Text)
	case c.ContactAttribute != nil:
		v, set := f.Contact.Attributes[c.ContactAttribute.Name]
		return set && (c.ContactAttribute.Exists || slices.ContainsFunc(c.ContactAttribute.Equals, func(s string) bool {
			return plain(s) == plain(v)
		}))
	case c.Media != nil:
		return (c.Media.Min == nil || f.Media >= *c.Media.Min) && (c.Media.Max == nil || f.Media <= *c.Media.Max)
	case c.Weekday != nil:
		return slices.Contains(c.Weekday.Days, strings.ToLower(inZone(f.At, c.Weekday.Zone).Weekday().String()))
	case c.TimeOfDay != nil:
		now, from, to := inZone(f.At, c.TimeOfDay.Zone).Format("15:04"), c.TimeOfDay.From, c.TimeOfDay.To
		if from < to {
			return now >= from && now < to
		}
		return now >= from || now < to
	}
	panic("no such condition")
}

func inZone(t time.Time, zone string) time.Time { return t.In(zones[zone]) }

// zones and patterns are made once, since making them takes longest.
var (
	zones = made(someZones, func(name string) *time.Location {
		loc, err := time.LoadLocation(name)
		if err != nil {
			panic(err)
		}
		return loc
	})
	patterns = made(somePatterns, anyCase)
)

func made[T any](keys []string, fn func(string) T) map[string]T {
	m := map[string]T{}
	for _, k := range keys {
		m[k] = fn(k)
	}
	return m
}

func anyCase(p string) *regexp.Regexp { return regexp.MustCompile("(?i)" + p) }

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

// plain folds the few letters that the texts of this file are made of.
func plain(s string) string {
	s = strings.NewReplacer("é", "e", "É", "E", "à", "a", "ü", "u", "\u0301", "", "’", "'", "\u00a0", " ", "ß", "ss").Replace(s)
	return strings.ToLower(strings.Join(strings.Fields(s), " "))
}

func oracleText(t routing.Text, text string) bool {
	have := plain(text)
	some := func(words []string, found func(w string) bool) bool {
		return slices.ContainsFunc(words, func(w string) bool { return found(plain(w)) })
	}
	letter := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
	if t.Regexp != "" {
		re := patterns[t.Regexp]
		if re == nil {
			re = anyCase(t.Regexp)
		}
		return re.MatchString(text)
	}
	return some(t.Contains, func(w string) bool { return strings.Contains(have, w) }) ||
		some(t.StartsWith, func(w string) bool { return strings.HasPrefix(have, w) }) ||
		some(t.Equals, func(w string) bool { return have == w }) ||
		some(t.Keyword, func(w string) bool {
			first, last := []rune(w)[0], []rune(w)[len([]rune(w))-1]
			for i := range have {
				before, after := []rune(have[:i]), []rune(strings.TrimPrefix(have[i:], w))
				if strings.HasPrefix(have[i:], w) && !(len(before) > 0 && letter(first) && letter(before[len(before)-1])) &&
					!(len(after) > 0 && letter(last) && letter(after[0])) {
					return true
				}
			}
			return false
		})
}

// random makes rule sets and facts.
type random struct{ *rand.Rand }

func (r random) chance(oneIn int) bool { return r.IntN(oneIn) == 0 }

func pick[T any](r random, of ...T) T { return of[r.IntN(len(of))] }

func some[T any](r random, of ...T) []T {
	list := make([]T, 1+r.IntN(3))
	for i := range list {
		list[i] = pick(r, of...)
	}
	return list
}

var (
	someChannels  = []string{"ch1", "ch2", "ch3"}
	someSenders   = []string{"+14155550100", "+14155550101", "+33612345678", "72345", "AMAZON"}
	somePrefixes  = []string{"+1", "+1415", "+33", "723", "AMA"}
	someLabels    = []string{"vip", "billing", "Vip"}
	someLanguages = []string{"fr", "fr-CA", "FR-ca-x-y", "en", "e"}
	someWords     = []string{"a", "pay", "payment", "Pay now", "café", "cafe", "é", "über", "l'été", "b a", "straße", "12", "2"}
	someTexts     = []string{
		"", "pay", "Pay now!", "payment", "un CAFÉ", "cafe\u0301 12", "l’été est là", "b  a", " a b\u00a0a ", "STRASSE 12", "x2", "über-pay", "right now",
	}
	somePatterns = []string{`pay(ment)?`, `\d{2}`, `^caf`, `(?-i)CAFÉ`, `été|straße`, `\bb\s+a$`, `^$`, `[éa]`, `pay.*now`, `x\d|12`, `a{2,}`, `.`, `(pay){0,2} ?now`, `(?:caf)*é`}
	someZones    = []string{"Europe/Paris", "America/New_York", "UTC", "Asia/Kathmandu"}
	someTargets  = []routing.Target{{Kind: routing.ToAgent, ID: "ada"}, {Kind: routing.ToTeam, ID: "sales"}, {Kind: routing.ToHumans}, {Kind: routing.ToTeam, ID: "sales", Skills: []string{"vip"}}, {Kind: routing.ToHumans, Language: "fr"}}
)

func (r random) condition(depth int) routing.Condition {
	if depth > 0 && r.chance(2) {
		switch r.IntN(5) {
		case 0, 1:
			return routing.Condition{All: r.conditions(depth - 1)}
		case 2, 3:
			return routing.Condition{Any: r.conditions(depth - 1)}
		default:
			return routing.Condition{Not: new(r.condition(depth - 1))}
		}
	}
	switch r.IntN(20) {
	case 0:
		return routing.Condition{Channel: some(r, someChannels...)}
	case 1:
		return routing.Condition{Sender: some(r, someSenders...)}
	case 2:
		return routing.Condition{SenderPrefix: some(r, somePrefixes...)}
	case 3:
		return routing.Condition{Country: some(r, "FR", "CA", "US")}
	case 4:
		return routing.Condition{Language: some(r, "fr", "fr-CA", "en", "de")}
	case 5:
		return routing.Condition{ContactLabel: some(r, someLabels...)}
	case 6:
		return routing.Condition{ConversationLabel: some(r, someLabels...)}
	case 7:
		return routing.Condition{Contact: pick(r, routing.NewContact, routing.ReturningContact)}
	case 8:
		return routing.Condition{Hours: pick(r, routing.HoursOpen, routing.HoursClosed)}
	case 9:
		return routing.Condition{AtHandOver: true}
	case 10:
		return routing.Condition{Available: new(pick(r, someTargets...))}
	case 11:
		return routing.Condition{ContactAttribute: r.attribute()}
	case 12:
		return routing.Condition{Media: pick(r, &routing.Count{Min: new(1)}, &routing.Count{Max: new(0)}, &routing.Count{Min: new(1), Max: new(2)})}
	case 13:
		return routing.Condition{Weekday: &routing.Weekday{Days: some(r, "monday", "saturday", "sunday"), Zone: pick(r, someZones...)}}
	case 14:
		return routing.Condition{TimeOfDay: r.timeOfDay()}
	default:
		return routing.Condition{Text: r.text()}
	}
}

func (r random) conditions(depth int) []routing.Condition {
	list := make([]routing.Condition, 1+r.IntN(3))
	for i := range list {
		list[i] = r.condition(depth)
	}
	return list
}

func (r random) attribute() *routing.Attribute {
	name := pick(r, "plan", "city")
	if r.chance(4) {
		return &routing.Attribute{Name: name, Exists: true}
	}
	return &routing.Attribute{Name: name, Equals: some(r, "gold", "Orléans", "free")}
}

func (r random) timeOfDay() *routing.TimeOfDay {
	from, to := r.IntN(24), r.IntN(25)
	if from == to {
		to = 24
	}
	return &routing.TimeOfDay{From: fmt.Sprintf("%02d:00", from), To: fmt.Sprintf("%02d:00", to), Zone: pick(r, someZones...)}
}

func (r random) text() *routing.Text {
	switch r.IntN(6) {
	case 0:
		return &routing.Text{Contains: some(r, someWords...)}
	case 1:
		return &routing.Text{StartsWith: some(r, someWords...)}
	case 2:
		return &routing.Text{Equals: some(r, someWords...)}
	case 3:
		return &routing.Text{Keyword: some(r, someWords...)}
	default:
		return &routing.Text{Regexp: pick(r, somePatterns...)}
	}
}

func (r random) rules() []routing.Rule {
	list := make([]routing.Rule, r.IntN(70))
	for i := range list {
		list[i] = routing.Rule{
			ID: fmt.Sprintf("r%02d", i), Order: r.IntN(20), Disabled: r.chance(8), Condition: r.condition(3),
			Targets: []routing.Target{{Kind: routing.ToTeam, ID: "t"}},
		}
		if r.chance(2) {
			list[i].Channels = some(r, someChannels...)
		}
		list[i].AlsoAtHandOver = r.chance(2) || asksForHandOver(list[i].Condition)
	}
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

func asksForHandOver(c routing.Condition) bool {
	return c.AtHandOver || c.Not != nil && asksForHandOver(*c.Not) || slices.ContainsFunc(append(c.All, c.Any...), asksForHandOver)
}

func (r random) facts() routing.Facts {
	free := make([]bool, len(someTargets))
	for i := range free {
		free[i] = r.chance(2)
	}
	f := routing.Facts{
		Channel: pick(r, "ch1", "ch2", "ch4"), Cause: pick(r, routing.CauseNew, routing.CauseReopened, routing.CauseHandOver),
		At: time.Date(2026, 3, 28, r.IntN(72), 30, 0, 0, time.UTC), Open: r.chance(2), Media: r.IntN(4), Text: pick(r, someTexts...),
		Available: func(t routing.Target) bool { return free[slices.IndexFunc(someTargets, t.Equal)] },
		Contact: routing.Contact{
			Address: pick(r, someSenders...), Country: pick(r, "", "FR", "ca", "DE"), Language: pick(r, someLanguages...),
			Returning: r.chance(2), Attributes: map[string]string{},
		},
	}
	for name, v := range map[string]string{"plan": pick(r, "GOLD", "free", "Gold "), "city": "orleans", "x": "y"} {
		if r.chance(2) {
			f.Contact.Attributes[name] = v
		}
	}
	if r.chance(2) {
		f.Contact.Labels = some(r, someLabels...)
		f.Labels = some(r, someLabels...)
	}
	return f
}

// Whatever the index, the gates and the order of the tests do: the first rule that holds decides, and going on behind
// it finds the next one. Explain comes to the same end by another way.
func TestSameDecisionAsOracle(t *testing.T) { // F95
	t.Parallel()
	sets, matched, wentOn := 10_000, 0, 0
	if testing.Short() || raceDetector { // ten times slower
		sets = 1_000
	}
	for seed := range uint64(sets) {
		r := random{rand.New(rand.NewPCG(seed, 95))}
		rules := r.rules()
		compiled, err := routing.Compile("v", rules)
		require.NoError(t, err, "seed %d", seed)
		rules = inOrder(rules)
		for range 3 {
			f, at := r.facts(), routing.Place{}
			for range 4 {
				want := oracle(rules, at, f)
				got := compiled.After(at, f)
				require.Equal(t, want, got.Place.Rule, "seed %d, behind %v", seed, at)
				require.Equal(t, "v", got.Version)
				require.Equal(t, want, compiled.ExplainAfter(at, f).Winner, "seed %d, behind %v", seed, at)
				if want == "" {
					break
				}
				matched++
				if at != (routing.Place{}) {
					wentOn++
				}
				at = got.Place
			}
		}
	}
	t.Logf("%d sets, %d rules held, %d of them after going on", sets, matched, wentOn)
	require.Greater(t, matched, sets, "the sets are too dull to prove anything")
}
