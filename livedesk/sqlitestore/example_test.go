package sqlitestore_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/sqlitestore"
)

// A desk in one file. What it keeps is there when the program starts again.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "desk")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	key := make([]byte, 32) // a real host has one of its own, kept apart from the file
	_, _ = rand.Read(key)
	ring, err := livedesk.NewKeyRing(key)
	if err != nil {
		panic(err)
	}
	for range 2 {
		store, err := sqlitestore.Open(ctx, filepath.Join(dir, "desk.db"), sqlitestore.Config{})
		if err != nil {
			panic(err)
		}
		engine, err := livedesk.New(store, livedesk.Config{Sealer: ring})
		if err != nil {
			panic(err)
		}
		desk := engine.Desk("main")
		agents, err := desk.Agents(ctx)
		fmt.Println(len(agents), err)
		_, err = desk.PutAgent(ctx, livedesk.Agent{ID: "ada", Name: "Ada", Capacity: 4})
		fmt.Println(err, store.Close())
	}
	// Output:
	// 0 <nil>
	// <nil> <nil>
	// 1 <nil>
	// <nil> <nil>
}
