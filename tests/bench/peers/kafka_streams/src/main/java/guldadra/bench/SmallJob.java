package guldadra.bench;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.state.RocksDBConfigSetter;
import org.apache.kafka.streams.state.Stores;
import org.rocksdb.Options;

/** Runs the small job until SIGTERM: {@code SmallJob BOOTSTRAP NAME INPUT OUTPUT FORMS STATE THREADS}. */
public final class SmallJob {
    private SmallJob() {}

    public static void main(String[] args) {
        Path forms = Path.of(args[4]);
        KafkaStreams streams = new KafkaStreams(topology(args[2], args[3], forms), settings(args));
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        streams.setStateListener((now, before) -> {
            if (now == KafkaStreams.State.ERROR) {
                Runtime.getRuntime().halt(1); // else the JVM would live on without a thread that works
            }
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(30))));
        streams.start();
    }

    /** Straight from processor to processor: the DSL would send every count through a repartition topic first. */
    private static Topology topology(String input, String output, Path forms) {
        Topology topology = new Topology();
        topology.addSource("submitted", new StringDeserializer(), new ByteArrayDeserializer(), input);
        topology.addProcessor("count", () -> new CountLiving(forms), "submitted");
        // A registration is seldom seen twice, so a cache would only cost; a cell is seen again and again.
        topology.addStateStore(
                Stores.keyValueStoreBuilder(
                                Stores.persistentKeyValueStore(CountLiving.JOURNEYS), Serdes.String(), Serdes.String())
                        .withCachingDisabled()
                        .withLoggingEnabled(Map.of()),
                "count");
        topology.addStateStore(
                Stores.keyValueStoreBuilder(
                                Stores.persistentKeyValueStore(CountLiving.CELLS), Serdes.String(), Serdes.Long())
                        .withCachingEnabled()
                        .withLoggingEnabled(Map.of()),
                "count");
        // Counts are per input partition, and lie in the output partition of the same number.
        topology.<String, CountLiving.Count>addSink(
                "counts",
                output,
                new StringSerializer(),
                (topic, count) -> Long.toString(count.living()).getBytes(StandardCharsets.US_ASCII),
                (topic, cell, count, partitions) -> count.partition(),
                "count");
        return topology;
    }

    /** Kafka Streams' defaults but for what follows; its changelogs and at-least-once are among the defaults. */
    private static Properties settings(String[] args) {
        Properties settings = new Properties();
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, args[1]);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, args[5]);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, args[6]);
        settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1); // there is one broker
        settings.put(StreamsConfig.ROCKSDB_CONFIG_SETTER_CLASS_CONFIG, LargerMemtables.class);
        settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 64 << 20);
        settings.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 5_000);
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 5_000);
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 5_000);
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.COMPRESSION_TYPE_CONFIG), "lz4");
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 256 << 10);
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.BUFFER_MEMORY_CONFIG), 64L << 20);
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.LINGER_MS_CONFIG), 100); // the default of Streams
        // The end of a run is told by the broker's own time of the last record, a changelog's included.
        settings.put(StreamsConfig.topicPrefix(TopicConfig.MESSAGE_TIMESTAMP_TYPE_CONFIG), "LogAppendTime");
        return settings;
    }

    /** 64 MB instead of 16 before a memtable is flushed, so that less is compacted. */
    public static final class LargerMemtables implements RocksDBConfigSetter {
        @Override
        public void setConfig(String store, Options options, Map<String, Object> settings) {
            options.setWriteBufferSize(64L << 20);
        }

        @Override
        public void close(String store, Options options) {
            // nothing of ours to close
        }
    }
}
