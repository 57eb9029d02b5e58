package ownstore_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/livedesk/livedesk-go/examples/ownstore"
	"github.com/livedesk/livedesk-go/livedesk"
)

// An engine runs on a Store of one's own as on any other, and finds everything again after a restart.
func Example() {
	dir, err := os.MkdirTemp("", "ownstore")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	for range 2 { // the second time stands for the next start of the process
		store, err := ownstore.Open(filepath.Join(dir, "desk.log"), nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		engine, err := livedesk.New(store, livedesk.Config{})
		if err != nil {
			fmt.Println(err)
			return
		}
		ctx, desk := context.Background(), engine.Desk("main")
		agents, err := desk.Agents(ctx)
		fmt.Println(len(agents), "agents", err)
		if _, err := desk.PutAgent(ctx, livedesk.Agent{ID: "ada", Name: "Ada"}); err != nil {
			fmt.Println(err)
		}
		if err := store.Close(); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// 0 agents <nil>
	// 1 agents <nil>
}
