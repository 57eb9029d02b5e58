package pgstore_test

import (
	"net/http"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// What only an eye inside of the transactions can see is written down by triggers: at every gate whether the contact had
// opted out, and at the end of every automatic assignment's transaction how many conversations the agent had, and whether the
// agent had what was needed. Both happen under the lock of the row that they are about, so what is written down is what was
// true.
const auditTables = `
CREATE TABLE {s}.audit_gates (message text, class text, opted_out boolean);
CREATE FUNCTION {s}.audit_gate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	INSERT INTO {s}.audit_gates SELECT NEW.id, NEW.class, h.opted_out FROM {s}.threads AS h
		WHERE h.workspace = NEW.workspace AND h.channel = NEW.channel AND h.contact = NEW.contact;
	RETURN NULL;
END $$;
CREATE TRIGGER audit_gate AFTER UPDATE ON {s}.messages FOR EACH ROW
	WHEN (NEW.delivery = 'posting' AND OLD.delivery <> 'posting') EXECUTE FUNCTION {s}.audit_gate();

CREATE FUNCTION {s}.audit_meets(needs text, skills jsonb, languages jsonb) RETURNS boolean LANGUAGE sql AS $$
	SELECT coalesce(needs, '') = '' OR coalesce(skills, '[]') @> to_jsonb(string_to_array(split_part(needs, ':', 2), ','))
		AND (split_part(needs, ':', 1) = '' OR EXISTS (SELECT 1 FROM jsonb_array_elements_text(coalesce(languages, '[]')) AS l
			WHERE starts_with(lower(l) || '-', split_part(needs, ':', 1) || '-')))
$$;
CREATE TABLE {s}.audit_assignments (conversation text, agent text, cause text, load bigint, capacity bigint, presence text,
	needs text, met boolean);
CREATE FUNCTION {s}.audit_assignment() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	INSERT INTO {s}.audit_assignments SELECT NEW.conversation, NEW.activity->>'to', NEW.activity->>'cause',
		(SELECT count(*) FROM {s}.conversations AS c WHERE c.workspace = NEW.workspace AND c.assignee = NEW.activity->>'to' AND c.state = 'open'),
		a.capacity, a.presence, NEW.activity->'decision'->>'needs',
		{s}.audit_meets(NEW.activity->'decision'->>'needs', a.skills, a.languages)
		FROM {s}.agents AS a WHERE a.workspace = NEW.workspace AND a.id = NEW.activity->>'to';
	RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER audit_assignment AFTER INSERT ON {s}.messages DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
	WHEN (NEW.by_kind = '' AND NEW.activity->>'what' = 'assigned') EXECUTE FUNCTION {s}.audit_assignment();
`

// audit begins to write down.
func (f *fleet) audit() {
	f.Helper()
	_, err := f.pool.Exec(f.Context(), strings.ReplaceAll(auditTables, "{s}", f.schema))
	require.NoError(f, err)
}

// gatesHeld says that nothing passed the gate to who had opted out (I8).
func (f *fleet) gatesHeld() {
	f.Helper()
	require.NotZero(f, f.count(`SELECT count(*) FROM {s}.audit_gates`))
	if n := f.count(`SELECT count(*) FROM {s}.audit_gates WHERE opted_out AND class <> 'confirmation'`); n > 0 {
		f.Errorf("%d texts passed the gate after STOP was committed", n)
	}
}

// placesHeld says that no automatic assignment took anybody above capacity, or went to somebody who wasn't on line, or lacked
// what was needed (I9, I10), and that the loads that the desk tells are those that can be counted. An agent who is given back
// what they had before their conversation was put aside may have more.
func (f *fleet) placesHeld() {
	f.Helper()
	require.NotZero(f, f.count(`SELECT count(*) FROM {s}.audit_assignments`))
	if n := f.count(`SELECT count(*) FROM {s}.audit_assignments WHERE load > capacity AND capacity > 0 AND cause <> 'had it before'`); n > 0 {
		f.Errorf("%d automatic assignments took an agent above capacity", n)
	}
	if n := f.count(`SELECT count(*) FROM {s}.audit_assignments WHERE presence <> 'online'`); n > 0 {
		f.Errorf("%d automatic assignments to agents who weren't on line", n)
	}
	if n := f.count(`SELECT count(*) FROM {s}.audit_assignments WHERE NOT met`); n > 0 {
		f.Errorf("%d automatic assignments to agents who lacked what was needed", n)
	}
	held := map[string]int{}
	for _, c := range f.conversations(livedesk.List{States: []livedesk.State{livedesk.Open}}) {
		held[c.Assignee]++
	}
	agents, err := f.desk.Agents(f.Context())
	require.NoError(f, err)
	for _, a := range agents {
		require.Equal(f, held[a.ID], a.Load, "load of %s", a.ID)
	}
}

// besideRoom counts how often a conversation waits while somebody of its queue who has what it needs has a free place, also
// by the limits of these numbers (I11).
func (f *fleet) besideRoom(limited ...*number) int {
	f.Helper()
	channels, limits := []string{}, []int64{}
	for _, n := range limited {
		channels, limits = append(channels, n.ID), append(limits, int64(n.Assignment.Limit))
	}
	return f.count(`SELECT count(*) FROM {s}.conversations AS c
		JOIN {s}.queue_agents AS m ON m.workspace = c.workspace AND m.queue = c.queue
		JOIN {s}.agents AS a ON a.workspace = m.workspace AND a.id = m.agent AND a.presence = 'online'
		LEFT JOIN unnest($1::text[], $2::bigint[]) AS l(channel, most) ON l.channel = c.channel
		WHERE c.state = 'open' AND {s}.audit_meets(c.needs, a.skills, a.languages) AND (a.capacity = 0 OR a.capacity > (SELECT count(*) FROM {s}.conversations AS o
			WHERE o.workspace = a.workspace AND o.assignee = a.id AND o.state = 'open'))
		AND (l.most IS NULL OR l.most > (SELECT count(*) FROM {s}.conversations AS o
			WHERE o.workspace = a.workspace AND o.assignee = a.id AND o.state = 'open' AND o.channel = c.channel))`, channels, limits)
}

// owners holds every open conversation to one agent or one line, and the timeline's last word to who has it (I10).
func (f *fleet) owners() {
	f.Helper()
	for _, c := range f.conversations(livedesk.List{States: []livedesk.State{livedesk.Open}}) {
		require.True(f, (c.Assignee == "") != (c.Queue == ""), "%+v", c)
		owner := ""
		for _, m := range f.timeline(c) {
			if m.Kind != livedesk.ActivityKind {
				continue
			}
			switch a := m.Activity; a.What {
			case "assigned":
				require.Equal(f, owner, a.From, "conversation %s was taken from somebody who hadn't it", c.ID)
				owner = a.To
			case "unassigned", "transferred":
				require.Equal(f, owner, a.From)
				owner = ""
			case "resolved":
				owner = ""
			}
		}
		require.Equal(f, owner, c.Assignee, "conversation %s", c.ID)
	}
}

// writtenDownFirst makes a carrier look, whenever a text arrives, whether its attempt was written down before (R9). then
// decides what becomes of the text; nil means that it is taken.
func (f *fleet) writtenDownFirst(n *number, then func(post) smstest.Fault) {
	n.FailFunc(func(r smstest.Request) smstest.Fault {
		if r.Kind != smstest.KindSend {
			return smstest.Fault{}
		}
		p := readPost(r)
		if f.count(`SELECT count(*) FROM {s}.messages WHERE id = $1 AND attempts > 0 AND delivery NOT IN ('queued', 'claimed')`, p.ref) == 0 {
			f.Errorf("message %s reached the carrier before its attempt was written down", p.ref)
		}
		if then == nil {
			return smstest.Fault{}
		}
		return then(p)
	})
}

var (
	hangs    = smstest.Fault{Kind: smstest.FaultHang}
	taken202 = smstest.Fault{Kind: smstest.FaultHang, Accept: true} // taken, but the answer never comes
	tooMany  = smstest.Fault{Kind: smstest.FaultStatus, Status: http.StatusTooManyRequests}
	refused  = smstest.Fault{Kind: smstest.FaultStatus, Status: http.StatusUnauthorized}
)
