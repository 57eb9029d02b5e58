package routing

import (
	"fmt"
	"reflect"
	"strings"
)

// condition checks one condition and all under it.
func (c *checker) condition(field string, cond *Condition, depth int) {
	if c.conditions++; c.conditions == maxConditions+1 {
		c.errs.add(field, fmt.Sprintf("is too much: a rule may have %d conditions", maxConditions))
	}
	if c.totals.conditions++; c.totals.conditions == maxAllConditions+1 {
		c.errs.add(field, fmt.Sprintf("is too much: all rules together may have %d conditions", maxAllConditions))
	}
	if c.conditions > maxConditions || c.totals.conditions > maxAllConditions {
		return
	}
	c.onlyOne(field, *cond, `asks nothing: a rule for every conversation says {"always": true}`)
	c.group(field, "all", cond.All, depth)
	c.group(field, "any", cond.Any, depth)
	if cond.Not != nil {
		c.deeper(field+".not", cond.Not, depth)
	}
	c.question(field, cond)
}

func (c *checker) group(in, name string, conds []Condition, depth int) {
	if conds == nil {
		return
	}
	field := sub(in, name)
	if len(conds) == 0 {
		c.errs.add(field, "is empty: name at least one condition")
	}
	for i := range conds {
		c.deeper(item(field, i), &conds[i], depth)
	}
}

func (c *checker) deeper(field string, cond *Condition, depth int) {
	if depth == maxDepth {
		c.errs.add(field, fmt.Sprintf("is nested too deeply (at most %d groups inside each other)", maxDepth))
		return
	}
	c.condition(field, cond, depth+1)
}

// onlyOne refuses a struct of which not exactly one field is set.
func (c *checker) onlyOne(field string, of any, whenNone string) {
	switch set := setFields(of); len(set) {
	case 0:
		c.errs.add(field, whenNone)
	case 1:
	default:
		c.errs.add(field, "asks several things at once ("+strings.Join(set, ", ")+"): keep one, all and any join conditions")
	}
}

// setFields returns the JSON names of the fields that aren't zero.
func setFields(of any) (set []string) {
	v := reflect.ValueOf(of)
	for i := range v.NumField() {
		if !v.Field(i).IsZero() {
			set = append(set, jsonName(v.Type().Field(i)))
		}
	}
	return set
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// question checks the question that a condition asks; those that it doesn't ask are zero, and fine.
func (c *checker) question(field string, cond *Condition) {
	c.values(field, "channel", cond.Channel, c.id)
	c.values(field, "sender", cond.Sender, c.sender)
	c.values(field, "sender_prefix", cond.SenderPrefix, c.senderPrefix)
	c.values(field, "country", cond.Country, c.country)
	c.values(field, "contact_label", cond.ContactLabel, c.id)
	c.values(field, "conversation_label", cond.ConversationLabel, c.id)
	c.values(field, "language", cond.Language, c.language)
	if s := cond.Contact; s != "" && s != NewContact && s != ReturningContact {
		c.errs.add(field+".contact", oneOf(string(s), NewContact, ReturningContact))
	}
	if s := cond.Hours; s != "" && s != HoursOpen && s != HoursClosed {
		c.errs.add(field+".hours", oneOf(string(s), HoursOpen, HoursClosed))
	}
	if t := cond.Text; t != nil {
		c.text(field+".text", t)
	}
	if a := cond.ContactAttribute; a != nil {
		c.attribute(field+".contact_attribute", a)
	}
	if t := cond.TimeOfDay; t != nil {
		c.timeOfDay(field+".time_of_day", t)
	}
	if w := cond.Weekday; w != nil {
		c.weekday(field+".weekday", w)
	}
	if n := cond.Media; n != nil {
		c.count(field+".media", n)
	}
	if t := cond.Available; t != nil {
		c.target(field+".available", *t, ToAgent, ToTeam, ToHumans)
	}
	if cond.AtHandOver && !c.atHandOver {
		c.errs.add(field+".at_hand_over", "never holds: the rule isn't looked at at hand-over, set its also_at_hand_over")
	}
}

func (c *checker) text(field string, t *Text) {
	c.onlyOne(field, *t, "asks nothing: say contains, starts_with, equals, keyword or regexp")
	c.values(field, "contains", t.Contains, c.word)
	c.values(field, "starts_with", t.StartsWith, c.word)
	c.values(field, "equals", t.Equals, c.word)
	c.values(field, "keyword", t.Keyword, c.word)
	if t.Regexp != "" {
		c.regexp(field+".regexp", t.Regexp)
	}
}

func (c *checker) regexp(field, source string) {
	p := c.patterns[source]
	if p == nil {
		var err error
		if p, err = parsePattern(source); err != nil {
			c.errs.add(field, err.Error())
			return
		}
		c.patterns[source] = p
	}
	if c.totals.steps += p.steps; c.totals.steps > maxAllPatternSteps {
		c.errs.add(field, fmt.Sprintf("is too much: the patterns of all rules together may have %d steps", maxAllPatternSteps))
	}
}

func (c *checker) attribute(field string, a *Attribute) {
	c.id(field+".name", a.Name)
	c.onlyOne(field, struct {
		Equals []string `json:"equals"`
		Exists bool     `json:"exists"`
	}{a.Equals, a.Exists}, "asks nothing: say equals, or exists")
	c.values(field, "equals", a.Equals, c.word)
}

func (c *checker) timeOfDay(field string, t *TimeOfDay) {
	from, okFrom := parseTime(t.From)
	if !okFrom || from == minutesPerDay {
		c.errs.add(field+".from", "must be a time from 00:00 to 23:59")
	}
	to, okTo := parseTime(t.To)
	if !okTo {
		c.errs.add(field+".to", "must be a time from 00:00 to 24:00")
	}
	if okFrom && okTo && from == to {
		c.errs.add(field, "from and to are equal: the whole day is 00:00 to 24:00")
	}
	c.zone(field+".zone", t.Zone)
}

func (c *checker) weekday(field string, w *Weekday) {
	if len(w.Days) == 0 {
		c.errs.add(field+".days", "is empty: name at least one, monday to sunday")
	}
	c.list(field+".days", w.Days, maxList, func(field, day string) {
		if _, ok := weekdays[day]; !ok {
			c.errs.add(field, quote(day)+" is no weekday: they are monday to sunday")
		}
	})
	c.zone(field+".zone", w.Zone)
}

func (c *checker) count(field string, n *Count) {
	if n.Min == nil && n.Max == nil {
		c.errs.add(field, "asks nothing: say min, max or both")
	}
	for _, end := range []struct {
		name  string
		value *int
	}{{".min", n.Min}, {".max", n.Max}} {
		if end.value != nil && (*end.value < 0 || *end.value > maxMedia) {
			c.errs.add(field+end.name, "must be between 0 and 1,000,000")
		}
	}
	if n.Min != nil && n.Max != nil && *n.Min > *n.Max {
		c.errs.add(field, "min is above max")
	}
}

// sender takes numbers in E.164, short codes, and whatever doesn't look like a number.
func (c *checker) sender(field, s string) {
	if !senderShape(s, 7, 3) {
		c.errs.add(field, "must be a number in E.164 ('+' and 7 to 15 digits, nothing between), a short code, or a sender id")
		return
	}
	c.id(field, s)
}

func (c *checker) senderPrefix(field, s string) {
	if !senderShape(s, 1, 1) {
		c.errs.add(field, "must be the start of a number in E.164 ('+' and digits, nothing between), of a short code, or of a sender id")
		return
	}
	c.id(field, s)
}

// senderShape reports whether s may be a sender, with at least so many digits of an international number or of a
// short code. A number in any other notation would never be found.
func senderShape(s string, international, short int) bool {
	rest, plus := strings.CutPrefix(s, "+")
	digits := strings.Trim(rest, "0123456789") == ""
	switch {
	case plus:
		return digits && len(rest) >= international && len(rest) <= 15 && rest[0] != '0'
	case digits:
		return len(s) >= short && len(s) <= 8
	}
	first := strings.TrimLeft(s, "0123456789-. ()/")
	return first != "" && first[0] != '+'
}

func (c *checker) country(field, code string) {
	switch {
	case code == "UK":
		c.errs.add(field, "the United Kingdom is GB")
	case len(code) != 2 || !strings.Contains(countries, " "+code+" "):
		c.errs.add(field, quote(code)+" is no country: write two capitals of ISO 3166-1, such as FR")
	}
}

// countries are the codes of ISO 3166-1 alpha-2, and XK, which carriers write for Kosovo.
const countries = " AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV " +
	"BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK " +
	"FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT " +
	"JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO " +
	"MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY " +
	"QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO " +
	"TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW "

// language takes a range of RFC 4647: subtags of letters and digits, the first of letters only.
func (c *checker) language(field, tag string) {
	for i, part := range strings.Split(tag, "-") {
		allowed := "abcdefghijklmnopqrstuvwxyz"
		if i > 0 {
			allowed += "0123456789"
		}
		if len(part) < 1 || len(part) > 8 || i == 0 && len(part) < 2 || strings.Trim(strings.ToLower(part), allowed) != "" {
			c.errs.add(field, quote(tag)+" is no language: write a BCP 47 tag such as fr or fr-CA")
			return
		}
	}
}
