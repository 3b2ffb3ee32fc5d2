// Command natscluster runs a cluster of NATS servers with JetStream and MQTT 3.1.1 in one process, to try mqx against: see
// docs/scaling.md. It prints the MQTT port of each node when the cluster has a leader, and runs until it is interrupted.
//
//	go run . -nodes 3 -port 1884
package main

import (
	"context"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

func main() {
	nodes := flag.Int("nodes", 3, "how many nodes")
	port := flag.Int("port", 1884, "the MQTT port of the first node; the others follow")
	dir := flag.String("dir", "", "where JetStream keeps its data (default: a folder that is removed in the end)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *nodes, *port, *dir); err != nil {
		fmt.Fprintln(os.Stderr, "natscluster:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, nodes, port int, dir string) error {
	if dir == "" {
		made, err := os.MkdirTemp("", "natscluster")
		if err != nil {
			return err
		}
		defer os.RemoveAll(made)
		dir = made
	}
	const clusterPort = 16_222
	var routes []*url.URL
	for i := range nodes {
		routes = append(routes, &url.URL{Scheme: "nats", Host: fmt.Sprintf("127.0.0.1:%d", clusterPort+i)})
	}
	var all []*server.Server
	defer func() {
		for _, s := range all {
			s.Shutdown()
			s.WaitForShutdown()
		}
	}()
	for i := range nodes {
		o := &server.Options{
			ServerName: fmt.Sprintf("n%d", i), Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
			JetStream: true, StoreDir: filepath.Join(dir, fmt.Sprint(i)), Routes: routes,
			Cluster: server.ClusterOpts{Name: "mqx", Host: "127.0.0.1", Port: clusterPort + i},
			MQTT:    server.MQTTOpts{Host: "127.0.0.1", Port: port + i},
		}
		s, err := server.NewServer(o)
		if err != nil {
			return err
		}
		s.Start()
		all = append(all, s)
	}
	if err := ready(ctx, all); err != nil {
		return err
	}
	for i := range nodes {
		fmt.Printf("n%d mqtt://127.0.0.1:%d\n", i, port+i)
	}
	<-ctx.Done()
	return nil
}

// ready waits until the nodes take connections and have agreed on who leads.
func ready(ctx context.Context, all []*server.Server) error {
	const longest = 30 * time.Second
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	for {
		if up(all) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the cluster was not ready after %s", longest)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func up(all []*server.Server) bool {
	leader := false
	for _, s := range all {
		if !s.ReadyForConnections(time.Second) || !s.JetStreamIsCurrent() {
			return false
		}
		leader = leader || s.JetStreamIsLeader()
	}
	return leader
}
