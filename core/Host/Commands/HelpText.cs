using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace GlanceGateway.Host.Commands;

/// <summary>Prints the generated help and, below it, what a list of options cannot teach: examples and the rules around the command.</summary>
internal sealed class HelpText(HelpAction generated) : SynchronousCommandLineAction
{
    private const string Rules = """
        Configuration:
          One YAML file: --config FILE, else $GLANCE_GATEWAY_CONFIG, else /etc/glance-gateway/glance-gateway.yaml if it exists.
          No file is needed. 'glance-gateway config sample' prints a documented one with every key.
          Flags win over environment variables, which win over the file, which wins over the defaults.

        Environment:
          GLANCE_GATEWAY_ and the key in upper case, two underscores between levels, commas in lists:
            GLANCE_GATEWAY_LISTEN=127.0.0.1:9393  GLANCE_GATEWAY_IDENTITY__MODE=headers
            GLANCE_GATEWAY_STORES__FAST__DIRECTORY=/srv/images  GLANCE_GATEWAY_PLUGINS=/opt/a,/opt/b
          An empty variable counts as absent.

        Exit codes:
          0  done
          1  it failed; standard error says why, one 'error:' line each
          2  the command line or the configuration is wrong; each 'error:' line names the place, the key and the remedy
        """;

    private static readonly Dictionary<string, string> Examples = new(StringComparer.Ordinal)
    {
        ["glance-gateway"] = """
              glance-gateway serve                                     serve on 127.0.0.1:9292, images in the data directory
              glance-gateway serve --data /srv/gateway --mount /mnt/images
              glance-gateway config sample > glance-gateway.yaml       begin a configuration
              glance-gateway config check -c glance-gateway.yaml       what is wrong with it
              glance-gateway stores list --json | jq '.stores[].state'
            """,
        ["serve"] = """
              glance-gateway serve
              glance-gateway serve --config /etc/glance-gateway/glance-gateway.yaml
              glance-gateway serve --listen 127.0.0.1:0 --data ./data --mount /mnt/images
              openstack --os-auth-type none --os-endpoint http://127.0.0.1:9292 image list
            """,
        ["check"] = """
              glance-gateway config check
              glance-gateway config check -c new.yaml && systemctl restart glance-gateway
              GLANCE_GATEWAY_IDENTITY__MODE=headers glance-gateway config check --json
            """,
        ["sample"] = "  glance-gateway config sample > /etc/glance-gateway/glance-gateway.yaml",
        ["explain"] = """
              glance-gateway explain --image 71c675ab-d94f-49cd-a114-e12490b328d9 --project p1 --action download_image
              glance-gateway explain --image 71c675ab-d94f-49cd-a114-e12490b328d9 --project p1 --role reader --action delete_image --json
              glance-gateway explain --project p1 --role reader --action add_image && echo allowed
              It may run while the gateway does. Exit code 0 means allowed, 1 denied.
            """,
        ["test"] = """
              glance-gateway plugins test bin/Release/net10.0/Acme.ShelfDriver.dll --options options.yaml
              glance-gateway plugins test Acme.ShelfDriver.dll --options options.yaml --only Commit --json
              options.yaml holds what a store's section in the configuration would, without 'driver': 'directory: "{directory}"'.
              For each case {directory} becomes a new empty directory and {unique} a new name, so that every case has a backend of its own.
            """,
        ["doctor"] = """
              glance-gateway doctor
              glance-gateway doctor -c /etc/glance-gateway/glance-gateway.yaml --json | jq '.findings[] | select(.verdict == "wrong")'
              It may run while the gateway does. Exit code 0 means healthy, 1 that something is wrong.
            """,
        ["load"] = """
              glance-gateway metadefs load                             those that come with the gateway
              glance-gateway metadefs load --merge /etc/glance/metadefs
              glance-gateway metadefs load --overwrite ours.json
              On SQLite the gateway must not run meanwhile.
            """,
        ["unload"] = "  glance-gateway metadefs unload OS::Compute::XenAPI OS::Compute::Trust",
        ["export"] = "  glance-gateway metadefs export ./metadefs",
        ["mount"] = """
              glance-gateway mount https://images.example:9292 /mnt/images
              glance-gateway mount https://a.example:9292 https://b.example:9292 /mnt/images     the second when the first does not answer
              glance-gateway mount --os-cloud lab --group libvirt-qemu --background --log-file /var/log/glance-mount.log /mnt/images
              glance-gateway mount status /mnt/images; glance-gateway mount stop /mnt/images
              Secrets come from clouds.yaml, secure.yaml or OS_PASSWORD, OS_TOKEN and so on, never from the command line.
              Files: DIR/by-id/<uuid>, DIR/by-name/<project>/<name>; docs/mount-semantics.md says what holds for them.
              Without an endpoint it starts with the images it last knew, and opens those that its cache holds.
            """,
        ["warm"] = """
              glance-gateway mount warm /mnt/images 71c675ab-d94f-49cd-a114-e12490b328d9
              glance-gateway mount warm --pin /mnt/images ubuntu-24.04 tag:base
              Whole and with the right hash, an image is read by the kernel itself from the next open on. Interrupting stops the work; what came stays.
            """,
        ["hydrate"] = """
              glance-gateway mount hydrate /mnt/images ubuntu-24.04
              qemu-system-x86_64 -drive file=/mnt/images/raw/71c675ab-d94f-49cd-a114-e12490b328d9.raw,format=raw,snapshot=on
              It needs room for the image and for the data of its disk, whose holes stay holes.
            """,
        ["keep"] = """
              glance-gateway mount keep --user glance-gateway        as root, once per host; then, as that user:
              glance-gateway serve --mount /mnt/images --keeper /run/glance-gateway/keeper.sock
              glance-gateway mount --keeper /run/glance-gateway/keeper.sock https://images.example:9292 /mnt/images
            """,
        ["kept"] = "  glance-gateway mount kept",
        ["stop"] = "  glance-gateway mount stop /mnt/images",
        ["status"] = """
              glance-gateway mount status /mnt/images
              glance-gateway mount status /mnt/images --json | jq .source.endpoints
              Exit code 0 means that an endpoint answers, 1 that none does.
            """,
        ["migrate"] = "  systemctl stop glance-gateway && glance-gateway db migrate",
    };

    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        generated.Invoke(parseResult);
        var output = parseResult.InvocationConfiguration.Output;
        var command = parseResult.CommandResult.Command;
        if (Examples.TryGetValue(command.Name, out var examples))
        {
            output.WriteLine($"Examples:\n{examples}\n");
        }

        output.WriteLine(command is RootCommand ? Rules : "'glance-gateway --help' tells about the configuration, environment variables and exit codes.");
        return ExitCodes.Success;
    }
}
