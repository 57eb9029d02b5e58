package storetest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/memstore"
	"github.com/livedesk/livedesk-go/livedesk/storetest"
)

// failing returns the clauses that a store doesn't keep, as "group: clause".
func failing(t *testing.T, open func() (livedesk.Store, func(time.Duration))) []string {
	return failingReopened(t, open, nil)
}

func failingReopened(t *testing.T, open func() (livedesk.Store, func(time.Duration)),
	reopen func(livedesk.Store) (livedesk.Store, error)) (out []string) {
	var mu sync.Mutex
	var all sync.WaitGroup
	room := make(chan struct{}, 6) // a case that looks for locks mostly waits
	for _, c := range storetest.Cases() {
		room <- struct{}{}
		all.Go(func() {
			defer func() { <-room }()
			s, advance := open()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			err := c.CheckReopening(ctx, s, advance, reopen)
			if skipped := new(storetest.SkipError); err == nil || errors.As(err, &skipped) {
				return
			}
			t.Logf("%s: %s: %.300v", c.Group, c.Clause, err)
			mu.Lock()
			defer mu.Unlock()
			out = append(out, c.Group+": "+c.Clause)
		})
	}
	all.Wait()
	return out
}

// sound returns a memstore on a clock that only advance moves.
func sound() (livedesk.Store, func(time.Duration)) {
	var mu sync.Mutex
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s := memstore.NewAt(func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	})
	return s, func(d time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(d)
	}
}

func writer(alter func(livedesk.Tx) livedesk.Tx) func(livedesk.Store) livedesk.Store {
	return func(s livedesk.Store) livedesk.Store { return altered{Store: s, write: alter} }
}

func reader(alter func(livedesk.ReadTx) livedesk.ReadTx) func(livedesk.Store) livedesk.Store {
	return func(s livedesk.Store) livedesk.Store { return altered{Store: s, read: alter} }
}

// R24: a suite that can't fail proves nothing. Each of these stores breaks the contract in one way; the suite must
// report it by the clauses that are named here.
func TestBrokenStoresAreReported(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]struct {
		make func(livedesk.Store) livedesk.Store
		want []string
	}{
		"keeps what failed": {func(s livedesk.Store) livedesk.Store { return keepsFailures{s} }, []string{
			"transactions: an Update whose function fails keeps nothing and returns the error as it is",
			"TakeIn: forgets the keys of a transaction that was rolled back",
			"Claim: leaves everything as it was when the transaction is rolled back",
		}},
		"keeps what panicked": {func(s livedesk.Store) livedesk.Store { return keepsPanics{s} }, []string{
			"transactions: an Update whose function panics keeps nothing and the panic goes on",
		}},
		"swallows panics": {func(s livedesk.Store) livedesk.Store { return swallowsPanics{s} }, []string{
			"transactions: an Update whose function panics keeps nothing and the panic goes on",
		}},
		"ignores a ctx that ended": {func(s livedesk.Store) livedesk.Store { return ignoresContext{s} }, []string{
			"transactions: an Update whose ctx ends before the commit keeps nothing",
			"transactions: an Update whose ctx has ended keeps nothing",
			"concurrency: one that fails, panics or is canceled leaves those beside it whole",
		}},
		"wraps errors": {func(s livedesk.Store) livedesk.Store { return wrapsErrors{s} }, []string{
			"transactions: an Update whose function fails keeps nothing and returns the error as it is",
		}},
		"lets a group share one fate": {func(s livedesk.Store) livedesk.Store { return &sharesFate{Store: s} }, []string{
			"concurrency: one that fails, panics or is canceled leaves those beside it whole",
		}},
		"nests": {func(s livedesk.Store) livedesk.Store { return nests{s, memstore.New()} }, []string{
			"transactions: a transaction inside a transaction is ErrNested and does no harm",
		}},
		"locks nothing": {func(s livedesk.Store) livedesk.Store { return unlocked{s} }, []string{
			"locks: Claim passes over a text that somebody else has locked, and waits for nobody",
			"locks: Claim passes over a text whose thread somebody else has locked, and waits for nobody",
			"locks: Queues passes over a waiting conversation that somebody else has locked, and says that there is more",
			"locks: TakeIn returns what whoever had the thread before left of it",
			"locks: Threads, Messages, Senders and Queues return what whoever had the rows before left of them",
			"locks: what Threads, Messages, Senders and Queues return isn't changed by others meanwhile",
			"locks: what TakeIn returns isn't changed by others meanwhile",
			"locks: what Claim returns isn't changed by others meanwhile",
			"locks: a queue that isn't there yet is locked all the same",
			"concurrency: nobody waits while there is room",
			"concurrency: no agent is given more than the capacity",
		}},
		"forgets keys": {writer(func(tx livedesk.Tx) livedesk.Tx { return forgetsKeys{tx} }), []string{
			"TakeIn: reports a key as new once",
			"concurrency: a key that arrives 50 times at once is new once",
		}},
		"misses twins in a batch": {writer(func(tx livedesk.Tx) livedesk.Tx { return missesTwins{tx} }), []string{
			"TakeIn: of equal keys in one call the first is new",
		}},
		"has the thread of a known key as it was": {seesOldThreads, []string{
			"TakeIn: returns the thread as it is now, also for a key that it knows",
			"locks: TakeIn returns what whoever had the thread before left of it",
		}},
		"has no thread for a known key": {writer(func(tx livedesk.Tx) livedesk.Tx { return missesThreads{tx} }), []string{
			"TakeIn: returns each arrival's thread as Threads does, in the order of the arrivals",
		}},
		"ignores versions": {writer(func(tx livedesk.Tx) livedesk.Tx { return ignoresVersions{tx} }), []string{
			"transactions: an Apply that is refused is ErrConflict or ErrExists, and writes nothing of its changes",
			"conversations: a row of another Version is ErrConflict",
			"concurrency: of many writers of one version one wins",
		}},
		"has many live": {manyLive, []string{
			"transactions: an Apply that is refused is ErrConflict or ErrExists, and writes nothing of its changes",
			"conversations: a contact has at most one live conversation on a channel",
			"conversations: reopening beside a live one is ErrExists",
		}},
		"applies by halves": {halfApplies, []string{
			"transactions: an Apply that is refused is ErrConflict or ErrExists, and writes nothing of its changes",
		}},
		"commits what came before a refusal": {writer(func(tx livedesk.Tx) livedesk.Tx { return picky{tx} }), []string{
			"transactions: an Apply that is refused ends the transaction with nothing kept, whatever the function returns",
		}},
		"loses deliveries": {writer(func(tx livedesk.Tx) livedesk.Tx { return losesDeliveries{tx} }), []string{
			"Deliveries: write the ProviderID and the Delivery of a message that exists, under the next Version",
			"Deliveries: a row of another Version is ErrConflict, and of a message that isn't there",
		}},
		"loses budgets": {writer(func(tx livedesk.Tx) livedesk.Tx { return losesBudgets{tx} }), []string{
			"rows: a budget comes back as it was written",
			"budgets: can be written in the transaction that loaded them",
			"locks: a budget that isn't there yet is locked all the same",
		}},
		"has one budget for two workspaces": {writer(func(tx livedesk.Tx) livedesk.Tx { return sharesBudgets{tx} }), []string{
			"budgets: of one workspace are none of another's",
		}},
		"leases what it finds": {leasesTexts, []string{
			"Claim: changes nothing",
			"Claim: leaves everything as it was when the transaction is rolled back",
		}},
		"has the consent of another time": {seesOldConsent, []string{
			"Claim: finds nothing that was taken back, and what is left with the newest consent",
			"concurrency: what Claim finds is of one moment with its thread, and nothing that a STOP took back before",
		}},
		"ignores budgets": {writer(func(tx livedesk.Tx) livedesk.Tx { return greedyClaims{tx} }), []string{
			"Claim: finds at most PerSender of one sender",
			"Claim: lets Senders override PerSender, 0 taking none",
			"Claim: passes over a spent sender to the next",
		}},
		"forgets that a text was posted": {writer(func(tx livedesk.Tx) livedesk.Tx { return revivesPosting{tx} }), []string{
			"Claim: finds an unfinished text whatever its state",
		}},
		"cancels after it wrote": {cancelsLate, []string{
			"Cancels: run before Messages",
		}},
		"ends jobs under any fence": {writer(func(tx livedesk.Tx) livedesk.Tx { return forgivesFences{tx} }), []string{
			"jobs: a change under another Fence has no effect",
		}},
		"numbers changes before it commits them": {reader(func(tx livedesk.ReadTx) livedesk.ReadTx { return skipsRevisions{tx} }), []string{
			"objects: behind a revision come in the order of their last change",
			"concurrency: whoever read up to a revision finds everything that is committed later",
		}},
		"crosses workspaces": {reader(func(tx livedesk.ReadTx) livedesk.ReadTx { return crossesWorkspaces{tx} }), []string{
			"workspaces: an id of another workspace answers like one that doesn't exist, in every method",
		}},
		"has equal times the other way round": {reader(func(tx livedesk.ReadTx) livedesk.ReadTx { return turnsTies{tx} }), []string{
			"lists: have of equal times the higher id first in LatestActivity, the lower in LongestWaiting",
		}},
		"takes a limit of 0 for none at all": {reader(func(tx livedesk.ReadTx) livedesk.ReadTx { return limitsToNothing{tx} }), []string{
			"objects: behind a revision come all with a Limit of 0",
		}},
		"pays no heed to revisions and places": {reader(func(tx livedesk.ReadTx) livedesk.ReadTx { return startsOver{tx} }), []string{
			"objects: behind a revision come at most Limit",
			"timeline: can be paged both ways without a gap",
		}},
		"loads no agents for their loads": {reader(func(tx livedesk.ReadTx) livedesk.ReadTx { return missesLoads{tx} }), []string{
			"queues: come with the agents who are members, and those of Agents and Loads, each once, sorted by id",
			"queues: come with agents who have their Load",
		}},
		"says for ever that there are more": {writer(func(tx livedesk.Tx) livedesk.Tx { return alwaysMore{tx} }), nil}, // which of the concurrent clauses sees it first is chance
		"checks unique keys at the end": {checksLate, []string{
			"conversations: unique keys are checked row by row in order, so that who gives one up stands before who takes it",
		}},
		"numbers the fences of a job anew": {writer(func(tx livedesk.Tx) livedesk.Tx { return renumbersJobs{tx} }), []string{
			"jobs: never have a Fence again under their key, though they ended between",
		}},
		"loses the ledger": {writer(func(tx livedesk.Tx) livedesk.Tx { return losesLedgers{tx} }), []string{
			"consents: a ledger comes back as it was written",
		}},
		"lists whoever is in no ledger": {reader(func(tx livedesk.ReadTx) livedesk.ReadTx { return listsOptedOut{tx} }), []string{
			"consents: list the threads that have a change of consent, and no other",
		}},
		"starts a ledger's page over": {reader(func(tx livedesk.ReadTx) livedesk.ReadTx { return repeatsContacts{tx} }), []string{
			"consents: can be paged without a gap or a repetition, in the order of channel and contact",
		}},
		"loses equal times": {reader(func(tx livedesk.ReadTx) livedesk.ReadTx { return dropsEqualTimes{tx} }), []string{
			"lists: can be paged without a gap or a repetition, also among equal times",
		}},
		"prunes what is young": {prunes(func(q *livedesk.Prune) { q.Before = q.Before.Add(time.Hour) }), []string{
			"Prune: deletes resolved conversations that were last active before, with their timelines, and nothing else",
		}},
		"prunes all at once": {prunes(func(q *livedesk.Prune) { q.Limit = 1000 }), []string{
			"Prune: deletes a slice of at most Limit of each, and comes to an end",
			"Prune: deletes the oldest messages first, and leaves a timeline without a gap",
			"Prune: deletes keys that are older than KeysBefore, a slice at a time",
		}},
		"forgets keys with what they brought": {prunes(func(q *livedesk.Prune) { q.KeysBefore = q.KeysBefore.AddDate(0, 0, 30) }), []string{
			"Prune: leaves the keys of TakeIn, whatever it deletes",
		}},
		"names what is gone": {namesTheGone, []string{
			"Prune: leaves contacts, threads and their consent",
		}},
		"counts as queued what left": {func(s livedesk.Store) livedesk.Store { return miscounts{s, s.(livedesk.MeasuredStore)} }, []string{
			"counts: are of the texts of one channel, by what is known of them",
			"counts: have a text as what it is now",
			"counts: have those jobs as parked that were tried that often, due or not",
		}},
		"shows all who wait": {reader(func(tx livedesk.ReadTx) livedesk.ReadTx { return showsAll{tx} }), []string{
			"queues: pass over those who are alike to some of Without, and count them for nothing",
		}},
		"shows those who need what nobody has": {reader(func(tx livedesk.ReadTx) livedesk.ReadTx { return showsNeeds{tx} }), []string{
			"queues: pass over those who are alike to some of Without, and count them for nothing",
		}},
		"shares slices": {lends, []string{
			"copies: what goes in is copied",
			"copies: what comes out is a copy",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for range 5 { // some faults show only when goroutines meet, which is chance on few cores
				got = failing(t, func() (livedesk.Store, func(time.Duration)) {
					s, advance := sound()
					return broken.make(s), advance
				})
				if len(got) > 0 && !slices.ContainsFunc(broken.want, func(w string) bool { return !slices.Contains(got, w) }) {
					return
				}
			}
			require.NotEmpty(t, got)
			require.Subset(t, got, broken.want)
		})
	}
}

// What a store loses between two processes is seen only by closing and opening it.
func TestForgetfulStoresAreReported(t *testing.T) {
	t.Parallel()
	for name, forgetful := range map[string]struct {
		reopen func(livedesk.Store) livedesk.Store
		want   []string
	}{
		"keeps everything": {func(s livedesk.Store) livedesk.Store { return s }, nil},
		"keeps nothing": {func(livedesk.Store) livedesk.Store { return memstore.New() }, []string{
			"reopening: finds every row as it was",
			"reopening: finds the Fence of a text, so that who lost it is known",
			"reopening: goes on with revisions behind those that were seen, tombstones among them",
			"reopening: knows the keys of TakeIn",
		}},
		"keeps texts as their JSON": {
			func(s livedesk.Store) livedesk.Store {
				return altered{Store: s, read: func(tx livedesk.ReadTx) livedesk.ReadTx { return losesFences{tx} }}
			}, []string{
				"reopening: finds every row as it was",
				"reopening: finds the Fence of a text, so that who lost it is known",
			},
		},
		"counts the fences of jobs from the beginning": {writer(func(tx livedesk.Tx) livedesk.Tx { return renumbersJobs{tx} }), []string{
			"reopening: gives no job a Fence that its key had before",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := failingReopened(t, sound, func(s livedesk.Store) (livedesk.Store, error) { return forgetful.reopen(s), nil })
			if forgetful.want == nil {
				require.Empty(t, got)
			}
			require.Subset(t, got, forgetful.want)
		})
	}
	broken := errors.New("no such file")
	got := failingReopened(t, sound, func(livedesk.Store) (livedesk.Store, error) { return nil, broken })
	require.Len(t, got, 5, "all cases that open the store again")
}

func TestSoundStorePasses(t *testing.T) {
	t.Parallel()
	require.Empty(t, failing(t, sound))
}

func TestClausesAreSentencesOfTheirOwn(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, c := range storetest.Cases() {
		name := c.Group + ": " + c.Clause
		require.False(t, seen[name], "twice: %s", name)
		require.False(t, strings.Contains(c.Clause, "/"), "a slash would split the name of a subtest: %s", name)
		seen[name] = true
	}
	require.Greater(t, len(seen), 100)
}

// closeless hides everything of a store but the contract.
type closeless struct{ livedesk.Store }

func TestExceptionsAreVisible(t *testing.T) {
	t.Parallel()
	cases := storetest.Cases()
	i := slices.IndexFunc(cases, func(c storetest.Case) bool { return slices.Contains(c.Needs, storetest.Closing) })
	skipped := new(storetest.SkipError)
	require.ErrorAs(t, cases[i].Check(t.Context(), closeless{memstore.New()}, nil), &skipped)
	// With exceptions Run doesn't even open a store for what it skips.
	opened := 0
	storetest.Run(t, func(*testing.T) livedesk.Store {
		opened++
		return memstore.New()
	}, storetest.Without(storetest.ConcurrentWriters, storetest.ConcurrentViews), storetest.Without(storetest.LargeTexts))
	left := len(slices.DeleteFunc(cases, func(c storetest.Case) bool {
		return slices.Contains(c.Needs, storetest.ConcurrentWriters) || slices.Contains(c.Needs, storetest.ConcurrentViews) ||
			slices.Contains(c.Needs, storetest.LargeTexts)
	}))
	require.Equal(t, left, opened, "each case that isn't skipped opens a store of its own")
}
