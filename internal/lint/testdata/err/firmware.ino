WiFiClientSecure net;
net.setInsecure();
mqtt.connect("mqtt://dev:hunter2@broker");
mqtt.publish("acme/lyon/CR_001/telemetry/temp", payload);
mqtt.subscribe("acme/#/cmd/x");
