package broker

// PublishFromServer routes a message that no client has published, such as one to a topic that begins with $.
func (b *Broker) PublishFromServer(topic string, payload []byte, qos byte) {
	m := newMessage(topic, payload, nil)
	m.qos, m.kept = qos, true
	var k kicks
	b.publish(m, &k)
	k.flush()
}

// SubscribedFilters is how many Topic Filters have subscriptions.
func (b *Broker) SubscribedFilters() int {
	b.index.mu.RLock()
	defer b.index.mu.RUnlock()

	return b.index.tree.Len()
}

// Backlog is how many bytes wait for all Sessions, as far as the Broker knows.
func (b *Broker) Backlog() int64 { return b.backlog.Load() }

// ActiveReplays is how many deliveries of Retained Messages are under way.
func (b *Broker) ActiveReplays() int {
	b.retained.mu.Lock()
	defer b.retained.mu.Unlock()

	return len(b.retained.replays)
}

// SetLastPacketID makes id the Packet Identifier that the Session has used last.
func (b *Broker) SetLastPacketID(clientID string, id uint16) {
	b.mu.Lock()
	s := b.sessions[clientID]
	b.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastID = id
}
