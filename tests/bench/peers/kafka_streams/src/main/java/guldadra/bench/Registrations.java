package guldadra.bench;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.HashMap;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;

/** Reads messages in the Confluent wire format; belongs to one thread, for decoder and records are used again. */
final class Registrations {
    private static final int HEADER_BYTES = 5;

    private final Map<Integer, Form> forms = new HashMap<>();
    private final Map<Integer, String> months = new HashMap<>();
    private BinaryDecoder decoder;

    /** What the small job needs of a registration; {@code cell} is null where it is withdrawn. */
    record Registration(String id, String cell) {}

    private static final class Form {
        final String name;
        final GenericDatumReader<GenericRecord> reader;
        final int id;
        final int unit;
        final int day;
        final int retracted;
        GenericRecord record;

        Form(Schema schema) {
            GenericData data = new GenericData();
            data.setFastReaderEnabled(true);
            name = schema.getName();
            reader = new GenericDatumReader<>(schema, schema, data);
            id = schema.getField("registration_id").pos();
            unit = schema.getField("unit").pos();
            day = schema.getField("occurred_on").pos();
            retracted = schema.getField("retracted").pos();
        }
    }

    /** @param folder one file per form, {@code <id on the wire>.avsc} */
    Registrations(Path folder) {
        try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, "*.avsc")) {
            for (Path file : files) {
                String wireId = file.getFileName().toString().replace(".avsc", "");
                forms.put(Integer.valueOf(wireId), new Form(new Schema.Parser().parse(file.toFile())));
            }
        } catch (IOException error) {
            throw new IllegalStateException("the forms in " + folder + " cannot be read", error);
        }
    }

    Registration read(byte[] message) {
        Form form = forms.get(ByteBuffer.wrap(message, 1, HEADER_BYTES - 1).getInt());
        decoder = DecoderFactory.get().binaryDecoder(message, HEADER_BYTES, message.length - HEADER_BYTES, decoder);
        try {
            form.record = form.reader.read(form.record, decoder);
        } catch (IOException error) {
            throw new IllegalStateException("a message of form " + form.name + " cannot be read", error);
        }
        String id = form.record.get(form.id).toString();
        if ((Boolean) form.record.get(form.retracted)) {
            return new Registration(id, null);
        }
        String month = months.computeIfAbsent((Integer) form.record.get(form.day), Registrations::month);
        return new Registration(id, form.name + "|" + form.record.get(form.unit) + "|" + month);
    }

    private static String month(int day) {
        return LocalDate.ofEpochDay(day).toString().substring(0, 7);
    }
}
