package sqlitestore_test

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/sqlitestore"
)

// derived are fields that no store keeps.
var derived = map[string]bool{"NoReceipt": true}

// fill gives every field of a row a value of its own, also those that are added to it one day.
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d", *n))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte("{}"))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n)
		fill(v.Index(1), n)
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"key": fmt.Sprintf("value %d", *n), "": "empty"}))
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.UnixMicro(1_770_000_000_000_000 + int64(*n)).UTC()))
			return
		}
		for i := range v.NumField() {
			if !derived[v.Type().Field(i).Name] {
				fill(v.Field(i), n)
			}
		}
	default:
		panic(v.Kind())
	}
}

func filled[T any](n *int) (row T) {
	fill(reflect.ValueOf(&row).Elem(), n)
	return row
}

// Every field of every row comes back as it went in: inserted, replaced by a statement that knows nothing of the row,
// and replaced in the transaction that has read it, which takes the shorter way.
func TestEveryFieldIsKept(t *testing.T) {
	t.Parallel()
	s := open(t, sqlitestore.Config{})
	n := 0
	contact, conv, msg := filled[livedesk.Contact](&n), filled[livedesk.Conversation](&n), filled[livedesk.Message](&n)
	agent, object, budget := filled[livedesk.Agent](&n), filled[livedesk.Object](&n), filled[livedesk.Budget](&n)
	contact.Version, conv.Version, msg.Version, agent.Version, object.Version, budget.Version = 0, 0, 0, 0, 0, 0
	object.Deleted, agent.Load = false, 0
	apply(t, s, livedesk.Changes{Contacts: []livedesk.Contact{contact}, Conversations: []livedesk.Conversation{conv},
		Messages: []livedesk.Message{msg}, Agents: []livedesk.Agent{agent}, Objects: []livedesk.Object{object},
		Budgets: []livedesk.Budget{budget}})

	check := func(version int64) {
		t.Helper()
		contact.Version, conv.Version, msg.Version, agent.Version, object.Version = version, version, version, version, version
		object.Revision, budget.Version = version, version
		update(t, s, func(ctx context.Context, tx livedesk.Tx) error {
			budgets, err := tx.Senders(ctx, []livedesk.Sender{budget.Sender, {Workspace: budget.Workspace, Channel: "other"}})
			require.NoError(t, err)
			require.Equal(t, []livedesk.Budget{budget, {Sender: livedesk.Sender{Workspace: budget.Workspace, Channel: "other"}}}, budgets)
			return nil
		})
		require.NoError(t, s.View(t.Context(), func(ctx context.Context, tx livedesk.ReadTx) error {
			contacts, err := tx.Contacts(ctx, contact.Workspace, []string{contact.ID})
			require.NoError(t, err)
			require.Equal(t, []livedesk.Contact{contact}, contacts)
			convs, err := tx.Conversations(ctx, livedesk.ConversationQuery{Workspace: conv.Workspace, IDs: []string{conv.ID}})
			require.NoError(t, err)
			require.Equal(t, []livedesk.Conversation{conv}, convs)
			messages, err := tx.Messages(ctx, []livedesk.MessageKey{{Workspace: msg.Workspace, ID: msg.ID}})
			require.NoError(t, err)
			require.Equal(t, []livedesk.Message{msg}, messages)
			agents, err := tx.Agents(ctx, agent.Workspace, []string{agent.ID})
			require.NoError(t, err)
			require.Equal(t, []livedesk.Agent{agent}, agents)
			objects, err := tx.Objects(ctx, livedesk.ObjectQuery{Kind: object.Kind, Key: object.Key})
			require.NoError(t, err)
			require.Equal(t, []livedesk.Object{object}, objects)
			return nil
		}))
	}
	check(1)

	replace := func(read bool) {
		t.Helper()
		contact, conv = refilled(contact, &n), refilled(conv, &n)
		msg, agent, object = refilled(msg, &n), refilled(agent, &n), refilled(object, &n)
		object.Deleted, agent.Load = false, 0
		budget.Next = budget.Next.Add(time.Second)
		update(t, s, func(ctx context.Context, tx livedesk.Tx) error {
			if read {
				_, err := tx.Messages(ctx, []livedesk.MessageKey{{Workspace: msg.Workspace, ID: msg.ID}})
				require.NoError(t, err)
				_, err = tx.Threads(ctx, []livedesk.ThreadKey{{Workspace: conv.Workspace, Conversation: conv.ID}})
				require.NoError(t, err)
			}
			return tx.Apply(ctx, livedesk.Changes{Contacts: []livedesk.Contact{contact}, Conversations: []livedesk.Conversation{conv},
				Messages: []livedesk.Message{msg}, Agents: []livedesk.Agent{agent}, Objects: []livedesk.Object{object},
				Budgets: []livedesk.Budget{budget}})
		})
	}
	replace(false)
	check(2)
	replace(true)
	check(3)
}

// refilled gives a row new values but for what names it.
func refilled[T any](row T, n *int) T {
	out := filled[T](n)
	o, r := reflect.ValueOf(&out).Elem(), reflect.ValueOf(row)
	for _, name := range []string{"Workspace", "ID", "Kind", "Version"} {
		if f := o.FieldByName(name); f.IsValid() {
			f.Set(r.FieldByName(name))
		}
	}
	return out
}

// A conversation and a text that are read first and then changed in one field only are changed in that one.
func TestShortWaysChangeEachField(t *testing.T) {
	t.Parallel()
	s := open(t, sqlitestore.Config{})
	n := 0
	conv, msg := filled[livedesk.Conversation](&n), filled[livedesk.Message](&n)
	conv.Version, msg.Version = 0, 0
	apply(t, s, livedesk.Changes{Conversations: []livedesk.Conversation{conv}, Messages: []livedesk.Message{msg}})
	conv.Version, msg.Version = 1, 1
	skip := map[string]bool{"Workspace": true, "ID": true, "Version": true}
	for i := range reflect.TypeFor[livedesk.Conversation]().NumField() {
		if f := reflect.TypeFor[livedesk.Conversation]().Field(i); !skip[f.Name] {
			fill(reflect.ValueOf(&conv).Elem().Field(i), &n)
			update(t, s, func(ctx context.Context, tx livedesk.Tx) error {
				found, err := tx.Threads(ctx, []livedesk.ThreadKey{{Workspace: conv.Workspace, Conversation: conv.ID}})
				require.NoError(t, err)
				require.NotNil(t, found[0].Asked)
				return tx.Apply(ctx, livedesk.Changes{Conversations: []livedesk.Conversation{conv}})
			})
			conv.Version++
			require.NoError(t, s.View(t.Context(), func(ctx context.Context, tx livedesk.ReadTx) error {
				got, err := tx.Conversations(ctx, livedesk.ConversationQuery{Workspace: conv.Workspace, IDs: []string{conv.ID}})
				require.Equal(t, []livedesk.Conversation{conv}, got, f.Name)
				return err
			}))
		}
	}
	for i := range reflect.TypeFor[livedesk.Message]().NumField() {
		if f := reflect.TypeFor[livedesk.Message]().Field(i); !skip[f.Name] {
			fill(reflect.ValueOf(&msg).Elem().Field(i), &n)
			key := livedesk.MessageKey{Workspace: msg.Workspace, ID: msg.ID}
			update(t, s, func(ctx context.Context, tx livedesk.Tx) error {
				_, err := tx.Messages(ctx, []livedesk.MessageKey{key})
				require.NoError(t, err)
				return tx.Apply(ctx, livedesk.Changes{Messages: []livedesk.Message{msg}})
			})
			msg.Version++
			require.NoError(t, s.View(t.Context(), func(ctx context.Context, tx livedesk.ReadTx) error {
				got, err := tx.Messages(ctx, []livedesk.MessageKey{key})
				require.Equal(t, []livedesk.Message{msg}, got, f.Name)
				return err
			}))
		}
	}
}

// A delivery that goes on is written whole, whether the transaction has read its message or holds it from another.
func TestDeliveriesChangeEachField(t *testing.T) {
	t.Parallel()
	s := open(t, sqlitestore.Config{})
	n := 0
	msg := filled[livedesk.Message](&n)
	msg.Version = 0
	apply(t, s, livedesk.Changes{Messages: []livedesk.Message{msg}})
	msg.Version = 1
	fields := []reflect.Value{reflect.ValueOf(&msg).Elem().FieldByName("ProviderID")}
	for i := range reflect.TypeFor[livedesk.Delivery]().NumField() {
		if !derived[reflect.TypeOf(*msg.Delivery).Field(i).Name] {
			fields = append(fields, reflect.ValueOf(msg.Delivery).Elem().Field(i))
		}
	}
	for i, field := range fields {
		for _, reads := range []bool{false, true} {
			fill(field, &n)
			update(t, s, func(ctx context.Context, tx livedesk.Tx) error {
				if reads {
					_, err := tx.Messages(ctx, []livedesk.MessageKey{{Workspace: msg.Workspace, ID: msg.ID}})
					require.NoError(t, err)
				}
				return tx.Apply(ctx, livedesk.Changes{Deliveries: []livedesk.Message{msg}})
			})
			msg.Version++
			got, err := messages(t, s, []livedesk.Message{msg})
			require.NoError(t, err)
			require.Equal(t, msg, got[0], "field %d, read %t", i, reads)
		}
	}
	stale := msg
	stale.Version--
	for _, reads := range []bool{false, true} {
		err := s.Update(t.Context(), func(ctx context.Context, tx livedesk.Tx) error {
			if reads {
				_, err := tx.Messages(ctx, []livedesk.MessageKey{{Workspace: msg.Workspace, ID: msg.ID}})
				require.NoError(t, err)
			}
			return tx.Apply(ctx, livedesk.Changes{Deliveries: []livedesk.Message{stale}})
		})
		require.ErrorIs(t, err, livedesk.ErrConflict)
	}
}
