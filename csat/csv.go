package csat

import (
	"encoding/csv"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// WriteCSV writes the report's rows with a header line, as RFC 4180 with LF line ends, in UTF-8 without a byte order
// mark (a host that serves Excel writes U+FEFF first). Columns: from and to where the query cuts time, each dimension
// of the query in its order, then sent, answered, response_rate, mean, csat and rated_1 to rated_5. Rates have four
// decimals and are empty where they don't exist; times are RFC 3339 in the query's zone. Ids go through [SafeCell].
func (r Report) WriteCSV(w io.Writer) error {
	loc, errs := r.Query.location()
	if errs != nil {
		return errs
	}
	c := csv.NewWriter(w)
	if err := c.Write(r.header()); err != nil {
		return err
	}
	for _, row := range r.Rows {
		if err := c.Write(r.record(row, loc)); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

func (r Report) header() []string {
	var h []string
	if r.Query.Every != Whole {
		h = append(h, "from", "to")
	}
	for _, d := range r.Query.By {
		h = append(h, SafeCell(string(d)))
	}
	return append(h, "sent", "answered", "response_rate", "mean", "csat",
		"rated_1", "rated_2", "rated_3", "rated_4", "rated_5")
}

func (r Report) record(row Row, loc *time.Location) []string {
	var rec []string
	if r.Query.Every != Whole {
		rec = append(rec, stamp(row.Span.From, loc), stamp(row.Span.To, loc))
	}
	for _, d := range r.Query.By {
		rec = append(rec, SafeCell(row.Key.id(d)))
	}
	f := row.Figures
	rec = append(rec, strconv.FormatInt(f.Sent, 10), strconv.FormatInt(f.Answered(), 10), rate(f.ResponseRate()),
		rate(f.Mean()), rate(f.CSAT()))
	for _, n := range f.Distribution {
		rec = append(rec, strconv.FormatInt(n, 10))
	}
	return rec
}

func (k Key) id(d Dimension) string {
	switch d {
	case ByChannel:
		return k.Channel
	case ByAgent:
		return k.Agent
	case ByAI:
		return k.AI
	case ByTeam:
		return k.Team
	}
	return ""
}

// WriteResults writes results as CSV in the form of [Report.WriteCSV], one line each as they come, so that millions
// need no memory. Times are in loc; nil means UTC. Customers' comments and all ids go through [SafeCell]. It stops at
// the first error that results yields or w returns, and returns it; lines before it may have been written.
func WriteResults(w io.Writer, loc *time.Location, results iter.Seq2[Result, error]) error {
	if loc == nil {
		loc = time.UTC
	}
	c := csv.NewWriter(w)
	if err := c.Write([]string{"sent_at", "answered_at", "rating", "comment", "channel", "team", "agent", "ai",
		"conversation", "contact", "survey"}); err != nil {
		return err
	}
	for r, err := range results {
		if err != nil {
			c.Flush() // what was read before the error is whole lines
			return err
		}
		rating := ""
		if r.Rating != 0 {
			rating = strconv.Itoa(r.Rating)
		}
		if err := c.Write([]string{stamp(r.SentAt, loc), stamp(r.AnsweredAt, loc), rating, SafeCell(r.Comment),
			SafeCell(r.Channel), SafeCell(r.Team), SafeCell(r.Agent), SafeCell(r.AI), SafeCell(r.Conversation),
			SafeCell(r.Contact), SafeCell(r.Survey)}); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

func stamp(t time.Time, loc *time.Location) string {
	if t.IsZero() {
		return ""
	}
	return t.In(loc).Format(time.RFC3339)
}

func rate(v float64, ok bool) string {
	if !ok {
		return ""
	}
	return strconv.FormatFloat(v, 'f', 4, 64)
}

// SafeCell returns s as a cell that no spreadsheet takes for a formula: where the first character that can be
// seen is one of = + - @, also in full width, or where s starts with a control character such as tab or line feed, an
// apostrophe goes before it, as OWASP advises. NUL and ill-formed UTF-8 become U+FFFD. It returns s itself, without
// allocating, when there is nothing to mend, and mends nothing twice. Quoting is left to the CSV writer.
func SafeCell(s string) string {
	if !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
	}
	if s == "" {
		return s
	}
	first, _ := utf8.DecodeRuneInString(trimBlankLeft(s))
	if s[0] < ' ' || s[0] == 0x7f || strings.ContainsRune("=+-@＝＋－＠", first) {
		return "'" + s
	}
	return s
}
