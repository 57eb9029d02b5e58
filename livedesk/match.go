package livedesk

import (
	"strings"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
)

// Which entry of a carrier's list is a text whose outcome is unknown. The carrier's list has no id of ours, so the match must
// be exclusive (no other text of ours can be it, and none has it already) and unambiguous (only one can be it); an ambiguous
// match is none, since a wrong one would call a lost text delivered. It is pure.

// finding is what a look into the carrier's list brought. It is kept in the history as it is.
type finding string

const (
	foundIt      finding = "found at the carrier"
	foundNothing finding = "not at the carrier"
	foundSeveral finding = "several that could be it at the carrier"
	// foundOthers: texts to the same number that aren't ours, or have other words, or are of another time. They are no match,
	// but they keep the desk from being sure that the carrier has nothing.
	foundOthers finding = "not found, but unknown texts to the same number are at the carrier"
	foundPart   finding = "not found, and the carrier's list was not whole"
	notAsked    finding = "carrier could not be asked"
)

const (
	// clockMargin is how far the store's clock and the carrier's may lie apart, what a request takes on its way, and the
	// carrier's whole seconds: a text is looked for that much before its attempt and after its loss.
	clockMargin = 5 * time.Minute
	// absentMargin is how far around that no text must be that could be it, before the desk is sure that there is none.
	absentMargin = time.Hour
)

// suspect is a text of ours that may be what the carrier lists.
type suspect struct {
	m    Message
	loss loss
}

func suspected(m Message) suspect { return suspect{m, m.Delivery.loss()} }

// may reports whether the listed text can be this one.
func (s suspect) may(l sms.Listed) bool {
	return !l.Created.Before(s.loss.began.Add(-clockMargin)) &&
		(s.loss.lost.IsZero() || !l.Created.After(s.loss.lost.Add(clockMargin))) &&
		sameWords(s.m.Text, l.Text)
}

// trialPrefix is what Twilio puts before each text of a trial account.
const trialPrefix = "Sent from your Twilio trial account - "

// sameWords reports whether the carrier's text is what was sent: as it was, or with the changes that carriers make, which
// are look-alikes of GSM-7 (Smart Encoding), blanks at the ends, and the words before a trial account's texts.
func sameWords(sent, listed string) bool {
	listed = strings.TrimPrefix(listed, trialPrefix)
	if sent == listed {
		return true
	}
	plain := func(s string) string { return strings.Join(strings.Fields(sms.Transliterate(s)), " ") }
	return plain(sent) == plain(listed)
}

// sentBy reports whether a listed text went out over the channel. A pool's may have no number yet.
func (c *channelInfo) sentBy(l sms.Listed) bool {
	if c.pool != "" {
		return l.Pool == c.pool
	}
	return l.From == c.number
}

// near returns those of a list that may have to do with a text: to the same number, from its channel, from about its time
// on.
func (s suspect) near(ch *channelInfo, to channel.Address, listed []sms.Listed) (out []sms.Listed) {
	for _, l := range listed {
		if l.Receipt != nil && l.To == to && ch.sentBy(l) && !l.Created.Before(s.loss.began.Add(-absentMargin)) {
			out = append(out, l)
		}
	}
	return out
}

// judge says which of the listed texts near s it is. owned are the carrier's ids that other texts of ours have; rivals are
// texts of ours to the same number whose carrier's id nobody knows either; whole says that the list left nothing out.
func (s suspect) judge(near []sms.Listed, owned map[string]bool, rivals []suspect, whole bool) (finding, *channel.Receipt) {
	var fits []sms.Listed
	others := 0
	for _, l := range near {
		switch {
		case l.Receipt.ID == s.m.ProviderID: // a receipt that decided nothing told it
			return foundIt, l.Receipt
		case owned[l.Receipt.ID]:
		case s.m.ProviderID == "" && s.may(l):
			fits = append(fits, l)
		default:
			others++
		}
	}
	switch {
	case len(fits) == 1 && !contested(fits[0], rivals) && (s.m.Text != "" || others == 0):
		return foundIt, fits[0].Receipt
	case len(fits) > 0:
		return foundSeveral, nil
	case others > 0:
		return foundOthers, nil
	case !whole:
		return foundPart, nil
	}
	return foundNothing, nil
}

func contested(l sms.Listed, rivals []suspect) bool {
	for _, r := range rivals {
		if r.may(l) {
			return true
		}
	}
	return false
}
