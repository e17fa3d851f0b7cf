package guldadra.bench;

import java.nio.file.Path;
import java.util.Objects;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/** The small job: journeys as state, living registrations per cell as state, changed counts as output. */
final class CountLiving implements Processor<String, byte[], String, CountLiving.Count> {
    static final String JOURNEYS = "journeys";
    static final String CELLS = "cells";

    private final Registrations registrations;
    private ProcessorContext<String, Count> context;
    private KeyValueStore<String, String> journeys;
    private KeyValueStore<String, Long> cells;

    /** The living registrations of a cell among those of one input partition. */
    record Count(int partition, long living) {}

    CountLiving(Path forms) {
        registrations = new Registrations(forms);
    }

    @Override
    public void init(ProcessorContext<String, Count> context) {
        this.context = context;
        journeys = context.getStateStore(JOURNEYS);
        cells = context.getStateStore(CELLS);
    }

    @Override
    public void process(Record<String, byte[]> message) {
        Registrations.Registration registration = registrations.read(message.value());
        // The patient first: a patient's journey lies together, and a prefix scan reads it.
        String place = message.key() + "|" + registration.id();
        String before = journeys.get(place);
        String after = registration.cell();
        if (Objects.equals(before, after)) {
            return;
        }
        journeys.put(place, after); // null deletes
        if (before != null) {
            change(before, -1, message.timestamp());
        }
        if (after != null) {
            change(after, 1, message.timestamp());
        }
    }

    private void change(String cell, long by, long timestamp) {
        Long living = cells.get(cell);
        long now = (living == null ? 0 : living) + by;
        cells.put(cell, now);
        context.forward(new Record<>(cell, new Count(context.taskId().partition(), now), timestamp));
    }
}
