package routing

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// kind is what a question asks about. The more telling kinds come first, those that few conversations answer with yes;
// the dear ones last. Questions of one kind are answered together, where one look-up answers them all.
type kind uint8

const (
	askSender kind = iota
	askWord
	askAttribute
	askSenderPrefix
	askContactLabel
	askConversationLabel
	askChannel
	askHandOver
	askLanguage
	askCountry
	askMedia
	askTime
	askWeekday
	askContact
	askHours
	askAvailable // by one call of the caller's
	askRegexp    // by running it
	kinds
)

// dear reports whether questions of the kind are answered one by one, and only when they are needed.
func (k kind) dear() bool { return k >= askAvailable }

// index answers questions.
type index struct {
	leaves     []leaf
	used       []kind                    // that are asked, without the dear ones
	values     [kinds]map[string][]int32 // the leaves that a value answers
	prefixes   []int                     // lengths of sender prefixes, shortest first
	attributes map[string]*attribute
	direct     [kinds][]int32 // leaves that are answered one by one
	zones      []*time.Location
	finder     *finder
	words      int // how many the finder knows
}

// leaf is one question, asked by any number of rules.
type leaf struct {
	ask      kind
	name     string // its field in a condition
	count    int    // how many values it lists; of one that a pattern needs, how long the shortest word is
	key      string // the attribute's name
	zone     int
	from, to int  // minutes of the day; or media, at least and at most
	days     uint // bit n is time.Weekday n
	wants    bool // the answer that makes it hold: open, returning
	target   Target
	re       *regexp.Regexp
	needs    []int32 // leaves without which re can't match
	opens    []int32 // rules that may hold if this does, see gate
}

// attribute is what is asked of one attribute.
type attribute struct {
	exists []int32
	values map[string][]int32 // by folded value
}

// question fills the leaf of a question in.
func (b *builder) question(id int32, c *Condition) {
	ix, l := &b.out.index, &b.out.index.leaves[id]
	switch {
	case c.Channel != nil:
		b.values(id, askChannel, "channel", c.Channel)
	case c.Sender != nil:
		b.values(id, askSender, "sender", c.Sender)
	case c.SenderPrefix != nil:
		b.values(id, askSenderPrefix, "sender_prefix", c.SenderPrefix)
		for _, p := range c.SenderPrefix {
			if i, found := slices.BinarySearch(ix.prefixes, len(p)); !found {
				ix.prefixes = slices.Insert(ix.prefixes, i, len(p))
			}
		}
	case c.Country != nil:
		b.values(id, askCountry, "country", c.Country)
	case c.Language != nil:
		b.values(id, askLanguage, "language", c.Language)
	case c.ContactLabel != nil:
		b.values(id, askContactLabel, "contact_label", c.ContactLabel)
	case c.ConversationLabel != nil:
		b.values(id, askConversationLabel, "conversation_label", c.ConversationLabel)
	case c.Text != nil:
		b.textQuestion(id, c.Text)
	case c.ContactAttribute != nil:
		b.attributeQuestion(id, c.ContactAttribute)
	case c.Contact != "":
		b.direct(id, askContact, "contact")
		l.wants = c.Contact == ReturningContact
	case c.Hours != "":
		b.direct(id, askHours, "hours")
		l.wants = c.Hours == HoursOpen
	case c.AtHandOver:
		b.direct(id, askHandOver, "at_hand_over")
	default:
		b.rarerQuestion(id, c)
	}
}

func (b *builder) rarerQuestion(id int32, c *Condition) {
	l := &b.out.index.leaves[id]
	switch {
	case c.TimeOfDay != nil:
		b.direct(id, askTime, "time_of_day")
		l.from, _ = parseTime(c.TimeOfDay.From)
		l.to, _ = parseTime(c.TimeOfDay.To)
		l.zone = b.zone(c.TimeOfDay.Zone)
	case c.Weekday != nil:
		b.direct(id, askWeekday, "weekday")
		for _, d := range c.Weekday.Days {
			l.days |= 1 << weekdays[d]
		}
		l.zone = b.zone(c.Weekday.Zone)
	case c.Media != nil:
		b.direct(id, askMedia, "media")
		l.from, l.to = 0, maxInt
		if c.Media.Min != nil {
			l.from = *c.Media.Min
		}
		if c.Media.Max != nil {
			l.to = *c.Media.Max
		}
	case c.Available != nil:
		*l = leaf{ask: askAvailable, name: "available", target: c.Available.clone()}
		if !slices.ContainsFunc(b.out.asks, l.target.Equal) {
			b.out.asks = append(b.out.asks, l.target)
		}
	}
}

const maxInt = int(^uint(0) >> 1)

// direct makes a leaf that is answered by itself.
func (b *builder) direct(id int32, ask kind, name string) {
	ix := &b.out.index
	ix.leaves[id] = leaf{ask: ask, name: name}
	ix.direct[ask] = append(ix.direct[ask], id)
}

// values makes a leaf that holds for each of some values.
func (b *builder) values(id int32, ask kind, name string, values []string) {
	ix := &b.out.index
	ix.leaves[id] = leaf{ask: ask, name: name, count: len(values)}
	if ix.values[ask] == nil {
		ix.values[ask] = map[string][]int32{}
	}
	for _, v := range values {
		if ask == askLanguage {
			v = strings.ToLower(v)
		}
		ix.values[ask][v] = append(ix.values[ask][v], id)
	}
}

func (b *builder) textQuestion(id int32, t *Text) {
	if t.Regexp != "" {
		p := b.checker.patterns[t.Regexp]
		var needs []int32
		for _, words := range p.needs {
			needs = append(needs, b.needed(words))
		}
		b.out.index.leaves[id] = leaf{ask: askRegexp, name: "text.regexp", re: p.re, needs: needs}
		return
	}
	for _, q := range []struct {
		name  string
		words []string
		mode  wordMode
	}{
		{"text.contains", t.Contains, anywhere}, {"text.starts_with", t.StartsWith, atStart},
		{"text.equals", t.Equals, asWhole}, {"text.keyword", t.Keyword, asKeyword},
	} {
		if q.words == nil {
			continue
		}
		b.out.index.leaves[id] = leaf{ask: askWord, name: q.name, count: len(q.words)}
		for _, w := range q.words {
			b.finder.add(folded(w), q.mode, id)
		}
	}
}

// needed returns a leaf, which no rule asks by itself, that holds if one of the words is in the text.
func (b *builder) needed(words []string) int32 {
	key := "needed " + strings.Join(words, "\x00")
	id, known := b.leaves[key]
	if !known {
		id = b.newLeaf(key)
		b.out.index.leaves[id] = leaf{ask: askWord, count: shortest(words)}
		for _, w := range words {
			b.finder.add(w, anywhere, id)
		}
	}
	return id
}

func (b *builder) attributeQuestion(id int32, a *Attribute) {
	ix := &b.out.index
	ix.leaves[id] = leaf{ask: askAttribute, name: "contact_attribute", key: a.Name, count: len(a.Equals)}
	if ix.attributes == nil {
		ix.attributes = map[string]*attribute{}
	}
	of := ix.attributes[a.Name]
	if of == nil {
		of = &attribute{values: map[string][]int32{}}
		ix.attributes[a.Name] = of
	}
	if a.Exists {
		of.exists = append(of.exists, id)
	}
	for _, v := range a.Equals {
		of.values[folded(v)] = append(of.values[folded(v)], id)
	}
}

// zone returns the number of a zone.
func (b *builder) zone(name string) int {
	if i, known := b.zones[name]; known {
		return i
	}
	i := len(b.out.index.zones)
	b.out.index.zones = append(b.out.index.zones, b.checker.zones[name])
	b.zones[name] = i
	return i
}

// index finishes what is looked up.
func (b *builder) index() {
	ix := &b.out.index
	ix.finder, ix.words = b.finder.build(), len(b.finder.ids)
	for _, l := range ix.leaves {
		if i, found := slices.BinarySearch(ix.used, l.ask); !found && !l.ask.dear() {
			ix.used = slices.Insert(ix.used, i, l.ask)
		}
	}
}
