package console

import (
	"errors"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms"
)

func TestEveryDeliveryStateHasPlainWords(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, s := range []livedesk.DeliveryState{
		livedesk.Posting, livedesk.Accepted, livedesk.Sent, livedesk.Delivered, livedesk.Read, livedesk.Undelivered,
		livedesk.Failed, livedesk.Unknown, livedesk.Unconfirmed, livedesk.Canceled, livedesk.Queued,
	} {
		w := deliveryWord(&livedesk.Delivery{State: s})
		require.NotEmpty(t, w)
		require.False(t, seen[w], "%s says the same as another state", s)
		seen[w] = true
	}
	require.Equal(t, "Queued, will be tried again", deliveryWord(&livedesk.Delivery{State: livedesk.Queued, Attempts: 1}))
	silent := &livedesk.Delivery{State: livedesk.Accepted, NoReceipt: true}
	require.Contains(t, deliveryWord(silent), "it may be lost")
	require.Equal(t, "warn", deliveryTone(silent))
	require.Equal(t, "Failed: the carrier refused the text (carrier code 30007)",
		deliveryWord(&livedesk.Delivery{State: livedesk.Failed, Reason: channel.ReasonContent, Code: "30007"}))
}

func TestErrorsAreSaidWithoutWhatTheyHold(t *testing.T) {
	t.Parallel()
	require.Contains(t, plainError(fmt.Errorf("reply: %w", livedesk.ErrOptedOut)), "opted out")
	require.Contains(t, plainError(&livedesk.StateError{From: livedesk.Resolved, What: "snooze"}), "the conversation is resolved")
	require.Equal(t, "Phone number is required; greeting is too long.", plainError(errors.Join(
		sms.FieldErrors{{Field: "phone_number", Problem: "is required"}}, &livedesk.ValidationError{Field: "greeting", Problem: "is too long"})))
	require.NotContains(t, plainError(errors.New("dial tcp 10.0.0.7: secret")), "10.0.0.7")
}

func TestActivities(t *testing.T) {
	t.Parallel()
	who := func(id string) string { return map[string]string{"ada": "Ada", "ben": "Ben"}[id] }
	ada := livedesk.AgentActor("ada")
	for want, m := range map[string]livedesk.Message{
		"Ada took the conversation":                     {By: ada, Activity: &livedesk.Activity{What: "assigned", To: "ada", Cause: "by hand"}},
		"Ada assigned it to Ben":                        {By: ada, Activity: &livedesk.Activity{What: "assigned", To: "ben", Cause: "by hand"}},
		"Assigned to Ben (least loaded)":                {Activity: &livedesk.Activity{What: "assigned", To: "ben", Cause: "least_loaded"}},
		"Resolved by Ada":                               {By: ada, Activity: &livedesk.Activity{What: "resolved", Cause: "resolve"}},
		"Assigned to Ben (round robin within capacity)": {Activity: &livedesk.Activity{What: "assigned", To: "ben", Cause: "round_robin_capped"}},
		"Given to AI agent nora":                        {Activity: &livedesk.Activity{What: "given_to_ai", To: "nora", Cause: "ai"}},
		"Ada gave it to somebody in support":            {By: ada, Activity: &livedesk.Activity{What: "transferred", To: "team:support", Cause: "by hand"}},
		"Ada opted the customer out":                    {By: ada, Activity: &livedesk.Activity{What: "opted_out", Cause: "agent"}},
		"Ada opted the customer in again":               {By: ada, Activity: &livedesk.Activity{What: "opted_in", Cause: "agent"}},
		"Customer opted out (keyword)":                  {Activity: &livedesk.Activity{What: "opted_out", Cause: "keyword"}},
		"Something new by the desk (well)":              {Activity: &livedesk.Activity{What: "something_new", Cause: "well"}},
		"":                                              {},
	} {
		require.Equal(t, want, activityLine(m, who))
	}
}

func TestEveryReasonToPassSomebodyOverHasWords(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, why := range []livedesk.SkipReason{
		livedesk.SkipOffline, livedesk.SkipBusy, livedesk.SkipFull, livedesk.SkipUnknown, livedesk.SkipNoMember, livedesk.SkipNeeds, livedesk.SkipLimit,
		livedesk.SkipSilent, livedesk.SkipClosed, livedesk.SkipUnhealthy, livedesk.SkipHandedOver, livedesk.SkipNotWritable, livedesk.SkipBudget,
	} {
		require.NotEmpty(t, skipWords[why], why)
		require.False(t, seen[skipWords[why]], "%s says the same as another reason", why)
		seen[skipWords[why]] = true
	}
	require.Len(t, skipWords, len(seen))
}

func TestWhoIsWaitedFor(t *testing.T) {
	t.Parallel()
	who := func(id string) string { return map[string]string{"ada": "Ada"}[id] }
	for _, c := range []struct {
		queue string
		needs livedesk.Needs
		want  string
	}{
		{livedesk.ChannelQueue("c1"), "", "somebody on this channel"},
		{livedesk.TeamQueue("support"), "fr:billing", "somebody in support with billing who speaks fr"},
		{livedesk.TeamQueue("a:b"), ":billing,returns,vip", "somebody in a:b with billing, returns and vip"},
		{livedesk.ChannelQueue("c1"), "fr-ca:", "somebody on this channel who speaks fr-ca"},
		{livedesk.AgentQueue("ada"), "", "Ada"},
	} {
		require.Equal(t, c.want, waitsFor(c.queue, c.needs, who))
	}
	opens := livedesk.Decision{Tier: livedesk.TierHumans, Queue: livedesk.ChannelQueue("c1"), Opens: time.Now().Add(time.Hour), Needs: "fr:"}
	require.Regexp(t, `^Waits for the opening, .*, then for somebody on this channel who speaks fr$`, newDecisionRow(opens, who).Outcome)
	zone := opens.Opens.Local().Format("MST")
	require.Regexp(t, `:\d\d `+regexp.QuoteMeta(zone)+`, then`, newDecisionRow(opens, who).Outcome, "whoever looks may be elsewhere")
	require.Regexp(t, `passed over until .*:\d\d `+regexp.QuoteMeta(zone)+`$`, aiWord(aiRow{AIHealth: livedesk.AIHealth{Reason: "timeout", Until: opens.Opens}}))
}

func TestNumbersTimesAndInitials(t *testing.T) {
	t.Parallel()
	require.Equal(t, "+1 415 555 0123", number("+14155550123"))
	require.Equal(t, "+442071838750", number("+442071838750"))
	require.Equal(t, "72345", number("72345"))
	require.Equal(t, "a moment", since(time.Now()))
	require.Equal(t, "3 h", since(time.Now().Add(-3*time.Hour-time.Minute)))
	require.Equal(t, "É", initial("émile"))
	require.Equal(t, "Ö", upperFirst("ö"))
	require.Empty(t, upperFirst(""))
}

// The number of sessions is bounded: signing in does not use up the memory.
func TestSessionsAreBounded(t *testing.T) {
	t.Parallel()
	ss := newSessions()
	for range maxSessions + 100 {
		ss.open("ada")
	}
	require.LessOrEqual(t, len(ss.byID), maxSessions)
}

func TestLateTextsSaySo(t *testing.T) {
	t.Parallel()
	out := func(s livedesk.DeliveryState, ago, attempt time.Duration) livedesk.Message {
		m := livedesk.Message{Kind: livedesk.Outgoing, At: time.Now().Add(-ago), Delivery: &livedesk.Delivery{State: s}}
		if attempt >= 0 {
			m.Delivery.History = []livedesk.DeliveryNote{{Source: "attempt", At: m.At.Add(attempt)}}
		}
		return m
	}
	in := livedesk.Message{Kind: livedesk.Incoming, At: time.Now()}
	in.ProviderAt = in.At.Add(-15 * time.Minute)
	for _, c := range []struct {
		m    livedesk.Message
		want string
	}{
		{in, "came 15 min late"},
		{livedesk.Message{Kind: livedesk.Incoming, At: in.At, ProviderAt: in.At.Add(-14 * time.Minute)}, ""},
		{out(livedesk.Queued, 14*time.Minute, -1), ""},
		{out(livedesk.Queued, 3*time.Hour, time.Minute), "late: has waited 3 h"},
		{out(livedesk.Delivered, 9*time.Hour, 5*time.Hour), "late: waited 5 h"},
		{out(livedesk.Delivered, 9*time.Hour, time.Minute), ""},
		{out(livedesk.Canceled, 9*time.Hour, -1), ""},
	} {
		require.Equal(t, c.want, lateness(c.m))
	}
}
