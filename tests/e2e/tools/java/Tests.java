import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.testcontainers.DockerClientFactory;
import org.testcontainers.containers.BindMode;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.Network;
import org.testcontainers.containers.wait.strategy.Wait;
import org.testcontainers.images.builder.Transferable;

/** What a project's tests do with Testcontainers, in the folder that they are started in. */
public final class Tests {
    private static final String[] SERVE = {
        "sh", "-c", "mkdir /www; echo served >/www/index.html; echo ready; exec httpd -f -h /www"
    };

    public static void main(String[] arguments) throws Exception {
        if (arguments.length > 0) {
            victim();
        }
        System.out.println("DOCKER_HOST: " + System.getenv().getOrDefault("DOCKER_HOST", "none"));
        waitedFor();
        networks();
        workspace();
        copied();
        reaper();
    }

    private static GenericContainer<?> web() {
        return new GenericContainer<>("busybox").withCommand(SERVE).withExposedPorts(80);
    }

    private static void waitedFor() throws Exception {
        try (var byLog = web().waitingFor(Wait.forLogMessage(".*ready.*", 1))) {
            byLog.start();
            System.out.println("by its log: " + get(byLog));
        }
        try (var byPort = web().waitingFor(Wait.forHttp("/").forPort(80))) {
            byPort.start();
            System.out.println("by its port: " + get(byPort));
        }
    }

    private static void networks() throws Exception {
        try (var network = Network.newNetwork();
                var web = web().withNetwork(network).withNetworkAliases("web");
                var client = new GenericContainer<>("busybox").withNetwork(network).withCommand("sleep", "1000")) {
            web.start();
            client.start();
            System.out.print("by name: " + client.execInContainer("wget", "-qO-", "http://web/").getStdout());
        }
    }

    private static void workspace() throws Exception {
        Path here = Path.of("").toAbsolutePath();
        Files.writeString(here.resolve("outside"), "written outside\n");
        try (var shared = new GenericContainer<>("busybox")
                .withFileSystemBind(here.toString(), "/here", BindMode.READ_WRITE)
                .withCommand("sleep", "1000")) {
            shared.start();
            System.out.print("of the workspace: " + shared.execInContainer("cat", "/here/outside").getStdout());
            shared.execInContainer("sh", "-c", "echo written inside >/here/inside");
        }
        System.out.print(Files.readString(here.resolve("inside")));
    }

    private static void copied() throws Exception {
        try (var copied = new GenericContainer<>("busybox")
                .withCopyToContainer(Transferable.of("copied\n"), "/file")
                .withCommand("sleep", "1000")) {
            copied.start();
            String back = copied.copyFileFromContainer("/file", in -> new String(in.readAllBytes(), StandardCharsets.UTF_8));
            System.out.print("copied in: " + back);
        }
    }

    /** A test process that is killed removes nothing by itself. */
    private static void reaper() throws Exception {
        List<String> command = new ArrayList<>(List.of(ProcessHandle.current().info().command().orElseThrow()));
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), "Tests", "victim"));
        Process victim = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        if (!"started".equals(victim.inputReader().readLine())) {
            throw new AssertionError("the victim has not started");
        }
        if (!names().contains("/victim") || names().stream().noneMatch(name -> name.startsWith("/testcontainers-ryuk-"))) {
            throw new AssertionError("these run: " + names());
        }
        System.out.println("the reaper runs");
        victim.destroyForcibly();
        until(() -> !names().contains("/victim"));
        System.out.println("reaped after a kill");
    }

    private static void victim() throws Exception {
        new GenericContainer<>("busybox")
                .withCreateContainerCmdModifier(create -> create.withName("victim"))
                .withCommand("sleep", "1000")
                .start();
        System.out.println("started");
        Thread.sleep(Duration.ofHours(1).toMillis());
    }

    private static String get(GenericContainer<?> container) throws IOException, InterruptedException {
        String address = container.getHost() + ":" + container.getMappedPort(80);
        var request = HttpRequest.newBuilder(URI.create("http://" + address + "/")).build();
        var answer = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
        return answer.body().strip() + " at " + address;
    }

    private static List<String> names() {
        var names = new ArrayList<String>();
        for (var container : DockerClientFactory.lazyClient().listContainersCmd().withShowAll(true).exec()) {
            names.addAll(List.of(container.getNames()));
        }
        return names;
    }

    private static void until(Callable<Boolean> condition) throws Exception {
        long end = System.nanoTime() + Duration.ofSeconds(60).toNanos();
        while (!condition.call()) {
            if (System.nanoTime() > end) {
                throw new AssertionError("not in time");
            }
            Thread.sleep(100);
        }
    }
}
