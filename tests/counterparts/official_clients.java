// Drives the embedded cloud with the official Java client for Key Vault secrets.
//
// usage: java -cp CLASSPATH official_clients.java READY_FILE
//
// READY_FILE is what `stanch emulate --tls --ready-file READY_FILE` wrote. official_clients_java.sh resolves CLASSPATH and
// makes the trust store. Every step is asserted; one line `ok ...` is printed at the end.

import com.azure.core.credential.AccessToken;
import com.azure.core.credential.TokenCredential;
import com.azure.core.exception.HttpResponseException;
import com.azure.core.exception.ResourceModifiedException;
import com.azure.core.exception.ResourceNotFoundException;
import com.azure.core.util.polling.SyncPoller;
import com.azure.json.JsonProviders;
import com.azure.security.keyvault.secrets.SecretClient;
import com.azure.security.keyvault.secrets.SecretClientBuilder;
import com.azure.security.keyvault.secrets.models.DeletedSecret;
import com.azure.security.keyvault.secrets.models.KeyVaultSecret;
import com.azure.security.keyvault.secrets.models.SecretProperties;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Collectors;
import reactor.core.publisher.Mono;

class OfficialClients {
    static void check(boolean holds, Object told) {
        if (!holds) {
            throw new AssertionError(String.valueOf(told));
        }
    }

    @SuppressWarnings("unchecked")
    static Map<String, Object> object(String text) throws IOException {
        try (var reader = JsonProviders.createReader(text)) {
            return (Map<String, Object>) reader.readUntyped();
        }
    }

    /** From the App Service endpoint, as a managed identity does. */
    static TokenCredential fetchToken(String baseUrl) throws Exception {
        var path = "/msi/token?api-version=2019-08-01&resource=https%3A%2F%2Fvault.azure.net";
        var request = HttpRequest.newBuilder(URI.create(baseUrl + path)).header("X-IDENTITY-HEADER", "any").build();
        var answer = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
        var body = object(answer.body());
        var ends = Instant.ofEpochSecond(Long.parseLong(body.get("expires_on").toString()));
        var token = new AccessToken(body.get("access_token").toString(), OffsetDateTime.ofInstant(ends, ZoneOffset.UTC));
        return context -> Mono.just(token);
    }

    static KeyVaultSecret restoreWhenPurged(SecretClient client, byte[] backup) throws Exception {
        var deadline = Instant.now().plusSeconds(30);
        while (true) {
            try {
                return client.restoreSecretBackup(backup);
            } catch (ResourceModifiedException error) {
                check(error.getResponse().getStatusCode() == 409, error);
                check(Instant.now().isBefore(deadline), "the purge never came to its end");
                Thread.sleep(100);
            }
        }
    }

    static List<String> versions(SecretClient client, String name) {
        return client.listPropertiesOfSecretVersions(name).stream().map(SecretProperties::getVersion).toList();
    }

    static SecretProperties enabled(SecretClient client, SecretProperties properties, boolean enabled) {
        return client.updateSecretProperties(properties.setEnabled(enabled));
    }

    public static void main(String[] arguments) throws Exception {
        var ready = object(Files.readString(Path.of(arguments[0])));
        var url = ready.get("base_url").toString().replace("127.0.0.1", "localhost");
        SecretClient client = new SecretClientBuilder()
            .vaultUrl(url)
            .credential(fetchToken(url))
            .disableChallengeResourceVerification()
            .buildClient();
        var name = "java-" + UUID.randomUUID().toString().substring(0, 8);

        var wanted = new KeyVaultSecret(name, "value-1")
            .setProperties(new SecretProperties().setContentType("text/plain").setTags(Map.of("owner", "drill")));
        var first = client.setSecret(wanted);
        check(first.getValue().equals("value-1"), "another value");
        check(first.getProperties().getTags().equals(Map.of("owner", "drill")), first.getProperties().getTags());
        client.setSecret(name, "value-2");
        check(client.getSecret(name).getValue().equals("value-2"), "not the latest");
        check(client.getSecret(name, first.getProperties().getVersion()).getValue().equals("value-1"), "not the first");

        for (int more = 0; more < 28; more++) {
            client.setSecret(name, "value-2");
        }
        var latest = client.getSecret(name).getProperties();
        var versions = versions(client, name);
        check(versions.size() == 30 && versions.equals(versions.stream().sorted().toList()), versions);
        var pages = client.listPropertiesOfSecretVersions(name).streamByPage(4).map(page -> page.getValue().size()).toList();
        check(pages.stream().mapToInt(Integer::intValue).sum() == 30, pages);
        check(client.listPropertiesOfSecrets().stream().anyMatch(one -> one.getName().equals(name)), "not listed");

        var updated = client.updateSecretProperties(first.getProperties().setTags(Map.of("owner", "core")));
        check(updated.getTags().equals(Map.of("owner", "core")), updated.getTags());
        check("text/plain".equals(updated.getContentType()), updated.getContentType());

        check(!enabled(client, latest, false).isEnabled(), "still enabled");
        try {
            client.getSecret(name);
            throw new AssertionError("a disabled current version was read");
        } catch (HttpResponseException error) {
            check(error.getResponse().getStatusCode() == 403, error);
            check(error.getMessage().contains("SecretDisabled"), error.getMessage());
        }
        enabled(client, latest, true);

        var backup = client.backupSecret(name);
        SyncPoller<DeletedSecret, Void> deletion = client.beginDeleteSecret(name).setPollInterval(Duration.ofMillis(100));
        var deleted = deletion.poll().getValue();
        deletion.waitForCompletion(Duration.ofSeconds(30));
        check(deleted.getScheduledPurgeDate().isAfter(deleted.getDeletedOn()), deleted.getScheduledPurgeDate());
        var listed = client.listDeletedSecrets().stream().map(DeletedSecret::getName).collect(Collectors.toSet());
        check(listed.contains(name), listed);
        try {
            client.getSecret(name);
            throw new AssertionError("a deleted secret was read");
        } catch (ResourceNotFoundException error) {
            check(error.getMessage().contains("SecretNotFound"), error.getMessage());
        }
        SyncPoller<KeyVaultSecret, Void> recovery =
            client.beginRecoverDeletedSecret(name).setPollInterval(Duration.ofMillis(100));
        recovery.waitForCompletion(Duration.ofSeconds(30));
        check(client.getSecret(name).getProperties().getVersion().equals(latest.getVersion()), "another latest version");

        client.beginDeleteSecret(name).setPollInterval(Duration.ofMillis(100)).waitForCompletion(Duration.ofSeconds(30));
        client.purgeDeletedSecret(name);
        var restored = restoreWhenPurged(client, backup);
        check(restored.getProperties().getVersion().equals(latest.getVersion()), "another restored version");
        check(versions(client, name).size() == 30, "not all versions came back");
        System.out.printf("ok azure-security-keyvault-secrets %s (java) against %s%n", arguments[1], url);
        // Its threads would keep the machine.
        System.exit(0);
    }
}
