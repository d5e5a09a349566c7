using GlanceGateway.Testing;

namespace GlanceGateway.Interop.Tests;

/// <summary>Every subcommand of Debian's <c>openstack</c> and <c>glance</c> that is about images, as administrator, member, reader and member of another project.</summary>
public sealed class ClientTourTests(KeystoneServer keystone) : IAsyncLifetime
{
    private const string New = "--disk-format raw --container-format bare";

    public async ValueTask InitializeAsync() => await keystone.StartedAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>The clients' subcommands that are not about images.</summary>
    private static readonly string[] leftOut = ["glance help"];

    /// <summary>Everything, and no subcommand of the installed clients is left out: a new version that brings one more fails here.</summary>
    [Fact]
    public async Task The_clients_commands_do_what_they_say_as_far_as_roles_go()
    {
        await using var tour = await ClientTour.StartAsync(keystone);
        await Task.WhenAll(
            ImagesByTheUnifiedClientAsync(tour.Branch()), ImagesByTheImageClientAsync(tour.Branch()), ImportsAsync(tour.Branch()),
            CacheAsync(tour.Branch()), DefinitionsAsync(tour.Branch()));
        var glance = (await tour.PassesAsync("demo", "glance bash-completion")).Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries)
            .Where(word => !word.StartsWith('-')).Select(word => $"glance {word}");
        var openstack = RealClient.Cells(await tour.PassesAsync("demo", "openstack command list --group openstack.image.v2"))
            .Select(row => row[^1]).Where(command => command.StartsWith("image", StringComparison.Ordinal)).Select(command => $"openstack {command}");
        tour.Ends();
        Assert.DoesNotContain(
            glance.Concat(openstack).Except(leftOut),
            command => !tour.Commands.Any(run => run == command || run.StartsWith(command + " ", StringComparison.Ordinal)));
    }

    private static async Task ImagesByTheUnifiedClientAsync(ClientTour tour)
    {
        await tour.MakesAsync("one", "demo", $"openstack image create one --file {{disk}} {New} --property os_distro=debian --tag blue -f json");
        await tour.PassesAsync("demo", "openstack image list --long -f value", "{one}", "active", "blue");
        await tour.PassesAsync("demo", "openstack image set --name uno --tag red --property hw_disk_bus=scsi --min-disk 1 {one}");
        await tour.PassesAsync("demo", "openstack image unset --tag blue --property os_distro {one}");
        var shown = await tour.PassesAsync("demo", "openstack image show uno -f json", "{one}", "\"scsi\"", "\"red\"", "\"min_disk\": 1", "\"status\": \"active\"");
        Assert.DoesNotContain("debian", shown, StringComparison.Ordinal);
        await tour.PassesAsync("demo", "openstack image save --file {saved} {one}");
        await tour.SavedWholeAsync();

        await tour.PassesAsync("demo", "openstack image set --protected {one}");
        await tour.RefusedAsync("demo", "openstack image delete {one}", "403");
        await tour.PassesAsync("demo", "openstack image set --unprotected {one}");
        await tour.PassesAsync("demo", "openstack image set --deactivate {one}");
        await tour.RefusedAsync("demo", "openstack image save --file {saved} {one}", "Unable to download");
        await tour.PassesAsync("demo", "openstack image set --activate {one}");
        await tour.RefusedAsync("demo", "openstack image set --public {one}", "403");
        await tour.PassesAsync("admin", "openstack image set --public {one}");
        await tour.PassesAsync("alt", "openstack image list -f value", "{one}");
        await tour.PassesAsync("demo", "openstack image set --shared {one}");

        await tour.RefusedAsync("alt", "openstack image show {one}", "No Image found");
        await tour.PassesAsync("demo", "openstack image add project {one} {alt}", "pending");
        await tour.PassesAsync("alt", "openstack image show {one} -f value -c name", "uno");
        await tour.PassesAsync("alt", "openstack image set --accept {one}");
        await tour.PassesAsync("alt", "openstack image list -f value", "{one}");
        await tour.RefusedAsync("alt", "openstack image set --name mine {one}", "403");
        await tour.PassesAsync("demo", "openstack image member list {one} -f value", "{alt}", "accepted");
        await tour.PassesAsync("demo", "openstack image remove project {one} {alt}");
        await tour.RefusedAsync("alt", "openstack image show {one}", "No Image found");
        await tour.PassesAsync("demo", "openstack image delete uno");
        await tour.RefusedAsync("demo", "openstack image show {one}", "No Image found");
    }

    private static async Task ImagesByTheImageClientAsync(ClientTour tour)
    {
        await tour.MakesAsync("two", "demo", $"glance image-create --name two {New} --file {{disk}} --tags blue", "active", "300000", PatternContent.Md5(300_000));
        await tour.MakesAsync("queued", "demo", $"glance image-create --name queued {New}", "queued");
        await tour.PassesAsync("demo", "glance image-upload --file {disk} {queued}");
        await tour.RefusedAsync("demo", "glance image-upload --file {disk} {queued}", "409");
        await tour.PassesAsync("demo", "glance image-list --sort name:asc", "{two}", "{queued}");
        await tour.PassesAsync("demo", "glance image-update --name deux --property a=b --min-ram 64 {two}", "deux");
        await tour.PassesAsync("demo", "glance image-tag-update {two} red");
        await tour.PassesAsync("demo", "glance image-tag-delete {two} blue");
        var shown = await tour.PassesAsync("demo", "glance image-show {two}", "deux", "[\"red\"]");
        Assert.DoesNotContain("blue", shown, StringComparison.Ordinal);
        await tour.PassesAsync("demo", "glance image-download --file {saved} {two}");
        await tour.SavedWholeAsync();
        await tour.PassesAsync("demo", "glance image-deactivate {two}");
        await tour.RefusedAsync("demo", "glance image-download --file {saved} {two}", "403");
        await tour.PassesAsync("demo", "glance image-reactivate {two}");
        await tour.RefusedAsync("demo", "glance image-update --visibility public {two}", "403");

        await tour.RefusedAsync("alt", "glance image-show {two}", "No image found with ID {two}");
        await tour.PassesAsync("demo", "glance member-create {two} {alt}", "pending");
        await tour.RefusedAsync("demo", "glance member-update {two} {alt} accepted", "403");
        await tour.PassesAsync("alt", "glance member-update {two} {alt} accepted", "accepted");
        await tour.PassesAsync("alt", "glance member-list --image-id {two}", "{alt}", "accepted");
        await tour.PassesAsync("demo", "glance member-get {two} {alt}", "accepted");
        await tour.RefusedAsync("alt", "glance member-delete {two} {alt}", "403");
        await tour.PassesAsync("demo", "glance member-delete {two} {alt}");

        await tour.PassesAsync("demo", "glance explain image", "os_hash_value");
        await tour.PassesAsync("demo", "glance usage", "Quota");
        await tour.PassesAsync("demo", "glance import-info", "glance-direct");
        await tour.PassesAsync("demo", "glance stores-info", "slow disks");
        await tour.RefusedAsync("demo", "glance stores-info --detail", "403");
        await tour.PassesAsync("admin", "glance stores-info --detail", "slow disks", "file", "weight");
        await ReadersAsync(tour);
    }

    /// <summary>Readers of a project see its images and nothing else.</summary>
    private static async Task ReadersAsync(ClientTour tour)
    {
        await tour.PassesAsync("reader", "glance image-list", "{two}");
        await tour.PassesAsync("reader", "glance image-show {two}", "deux");
        await tour.PassesAsync("reader", "openstack image list -f value", "{two}");
        string[] refused =
        [
            $"glance image-create --name theirs {New}", "glance image-update --name theirs {two}", "glance image-upload --file {disk} {two}",
            "glance image-download --file {saved} {two}", "glance image-tag-update {two} green", "glance image-tag-delete {two} red",
            "glance image-deactivate {two}", "glance image-reactivate {two}", "glance member-create {two} {alt}",
            "glance image-stage --file {disk} {two}", "glance task-list", "glance cache-list",
            $"openstack image create theirs {New}", "openstack image set --name theirs {two}", "openstack image delete {two}", "openstack image add project {two} {alt}",
        ];
        await tour.RefusedAsync("reader", "openstack image save --file {saved} {two}", "Unable to download");
        await tour.RefusedAsync("reader", "glance image-delete {two}", "You are not permitted to delete the image");
        await tour.RefusedAsync("reader", "openstack image unset --tag red {two}", "tag unset failed");
        foreach (var line in refused)
        {
            await tour.RefusedAsync("reader", line, "403");
        }

        await tour.PassesAsync("demo", "glance image-delete {queued}");
    }

    private static async Task ImportsAsync(ClientTour tour)
    {
        await tour.MakesAsync("staged", "demo", $"glance image-create --name staged {New}");
        await tour.PassesAsync("demo", "glance image-stage --file {disk} {staged}");
        await tour.PassesAsync("demo", "glance image-show {staged}", "uploading");
        await tour.PassesAsync("demo", "glance image-import --import-method glance-direct {staged}");
        await tour.ComesToAsync("demo", "glance image-show {staged}", "active");
        await tour.RefusedAsync("demo", "glance image-import --import-method copy-image --stores deep {staged}", "403");
        await tour.PassesAsync("admin", "glance image-import --import-method copy-image --stores deep {staged}");
        await tour.ComesToAsync("demo", "glance image-show {staged}", "fast,deep");
        await tour.RefusedAsync("demo", "glance task-list", "403");
        await tour.MakesAsync("direct", "demo", $"glance image-create-via-import --name direct {New} --file {{disk}} --import-method glance-direct");
        await tour.ComesToAsync("demo", "glance image-show {direct}", "active");
        await tour.MakesAsync("fetched", "demo", $"glance image-create --name fetched {New}");
        await tour.PassesAsync("demo", "glance image-import --import-method web-download --uri {web} {fetched}");
        await tour.ComesToAsync("demo", "glance image-show {fetched}", "active");
        await tour.PassesAsync("demo", "glance image-download --file {saved} {fetched}");
        await tour.SavedWholeAsync();
        await tour.PassesAsync("admin", "glance task-list", "api_image_import", "success");
        await tour.PassesAsync("demo", "glance image-tasks {staged}", "success");
        tour.Keep("input", $$$"""{"import_from":"{{{tour["web"]}}}","import_from_format":"raw","image_properties":{"name":"old","disk_format":"raw","container_format":"bare"}}""");
        await tour.MakesAsync("task", "admin", "glance task-create --type import --input {input}");
        await tour.ComesToAsync("admin", "glance task-show {task}", "success");
        await tour.PassesAsync("admin", "glance image-list", "old");
        await StoresAndLocationsAsync(tour);
    }

    private static async Task StoresAndLocationsAsync(ClientTour tour)
    {
        await tour.RefusedAsync("demo", "glance stores-delete --store deep {staged}", "403");
        await tour.PassesAsync("admin", "glance stores-delete --store deep {staged}");
        await tour.RefusedAsync("admin", "glance stores-delete --store deep {staged}", "Image/store not found");
        await tour.RefusedAsync("admin", "glance stores-delete --store fast {staged}", "403");

        await tour.MakesAsync("placed", "demo", $"glance image-create --name placed {New}");
        tour.Keep("second", $"{tour["web"]}?again");
        await tour.RefusedAsync("reader", "glance location-add --url {web} {placed}", "403");
        await tour.PassesAsync("demo", "glance location-add --url {web} {placed}", "active");
        await tour.PassesAsync("demo", "glance location-add --url {second} {placed}", "{second}");
        tour.Keep("metadata", """{"rack":"r7"}""");
        await tour.PassesAsync("demo", "glance location-update --url {second} --metadata {metadata} {placed}", "r7");
        await tour.RefusedAsync("demo", "glance location-delete --url {second} {placed}", "403");
        await tour.PassesAsync("admin", "glance location-delete --url {second} {placed}");
        await tour.RefusedAsync("admin", "glance location-delete --url {web} {placed}", "403");
        await tour.PassesAsync("demo", "glance image-download --file {saved} {placed}");
        await tour.SavedWholeAsync();
    }

    private static async Task CacheAsync(ClientTour tour)
    {
        await tour.MakesAsync("cached", "demo", $"glance image-create --name cached {New} --file {{disk}} --store remote");
        // The client makes a sentence of this refusal, and no failure.
        await tour.PassesAsync("demo", "glance cache-queue {cached}", "You are not permitted to queue the image");
        await tour.PassesAsync("admin", "glance cache-queue {cached}");
        await tour.ComesToAsync("admin", "glance cache-list", " cached ");
        await tour.PassesAsync("admin", "glance cache-list", "{cached}", "300000");
        await tour.PassesAsync("admin", "glance cache-delete {cached}");
        await tour.PassesAsync("admin", "glance cache-clear --target both");
        await tour.PassesAsync("demo", "glance cache-clear", "You are not permitted to delete image(s) from cache.");
        Assert.DoesNotContain(tour["cached"], await tour.PassesAsync("admin", "glance cache-list"), StringComparison.Ordinal);
    }

    private static async Task DefinitionsAsync(ClientTour tour)
    {
        await tour.PassesAsync("reader", "glance md-namespace-list", "OS::Compute::Watchdog");
        await tour.PassesAsync("demo", "glance md-resource-type-list", "OS::Nova::Flavor");
        await tour.RefusedAsync("demo", "glance md-namespace-create Site::Racks", "403");
        await tour.PassesAsync("admin", "glance md-namespace-create Site::Racks --display-name Racks --visibility private", "private");
        await tour.RefusedAsync("demo", "glance md-namespace-show Site::Racks", "404");
        await tour.PassesAsync("admin", "glance md-namespace-update Site::Racks --visibility public --description where", "where");
        await tour.PassesAsync("demo", "glance md-namespace-show Site::Racks", "where");
        await tour.PassesAsync("admin", "glance md-resource-type-associate Site::Racks --name OS::Glance::Image --prefix site_", "site_");
        await tour.PassesAsync("demo", "glance md-namespace-resource-type-list Site::Racks", "OS::Glance::Image");
        await tour.RefusedAsync("demo", "glance md-resource-type-deassociate Site::Racks OS::Glance::Image", "403");
        await tour.PassesAsync("admin", "glance md-resource-type-deassociate Site::Racks OS::Glance::Image");

        tour.Keep("namespace", tour["disk"] + ".json");
        await File.WriteAllTextAsync(tour["namespace"], """
            {"namespace":"Site::Imported","display_name":"Imported","visibility":"public","protected":false,
             "properties":{"floor":{"title":"Floor","type":"integer"}},"objects":[],"tags":[{"name":"cold"}],"resource_type_associations":[]}
            """);
        await tour.RefusedAsync("demo", "glance md-namespace-import --file {namespace}", "403");
        await tour.PassesAsync("admin", "glance md-namespace-import --file {namespace}", "Site::Imported");
        await tour.PassesAsync("demo", "glance md-property-list Site::Imported", "floor");
        await tour.PassesAsync("admin", "glance md-namespace-delete Site::Imported");
        await tour.RefusedAsync("admin", "glance md-namespace-show Site::Imported", "404");
        await DefinitionPartsAsync(tour);
    }

    private static async Task DefinitionPartsAsync(ClientTour tour)
    {
        tour.Keep("text", """{"type":"string"}""");
        tour.Keep("room", """{"description":"d","properties":{"floor":{"type":"integer","title":"Floor"}}}""");
        await tour.RefusedAsync("demo", "glance md-property-create Site::Racks --name rack --title Rack --schema {text}", "403");
        await tour.PassesAsync("admin", "glance md-property-create Site::Racks --name rack --title Rack --schema {text}", "string");
        await tour.PassesAsync("admin", "glance md-property-create Site::Racks --name row --title Row --schema {text}");
        await tour.PassesAsync("admin", "glance md-property-update Site::Racks rack --title Cabinet", "Cabinet");
        await tour.PassesAsync("demo", "glance md-property-show Site::Racks rack", "Cabinet");
        await tour.PassesAsync("reader", "glance md-property-list Site::Racks", "rack", "row");
        await tour.PassesAsync("admin", "glance md-property-delete Site::Racks row");
        await tour.PassesAsync("admin", "glance md-namespace-properties-delete Site::Racks");
        await tour.RefusedAsync("demo", "glance md-property-show Site::Racks rack", "404");

        await tour.PassesAsync("admin", "glance md-object-create Site::Racks --name room --schema {room}", "floor");
        await tour.PassesAsync("admin", "glance md-object-update Site::Racks room --name hall", "hall");
        await tour.PassesAsync("demo", "glance md-object-show Site::Racks hall", "floor");
        await tour.PassesAsync("demo", "glance md-object-property-show Site::Racks hall floor", "integer");
        await tour.PassesAsync("demo", "glance md-object-list Site::Racks", "hall");
        await tour.RefusedAsync("demo", "glance md-object-delete Site::Racks hall", "403");
        await tour.PassesAsync("admin", "glance md-object-delete Site::Racks hall");
        await tour.PassesAsync("admin", "glance md-namespace-objects-delete Site::Racks");

        await tour.PassesAsync("admin", "glance md-tag-create Site::Racks --name cold", "cold");
        await tour.PassesAsync("admin", "glance md-tag-create-multiple Site::Racks --names warm,hot", "warm", "hot");
        await tour.PassesAsync("admin", "glance md-tag-update Site::Racks warm --name tepid", "tepid");
        await tour.PassesAsync("demo", "glance md-tag-show Site::Racks tepid", "tepid");
        await tour.PassesAsync("demo", "glance md-tag-list Site::Racks", "tepid", "hot");
        await tour.RefusedAsync("demo", "glance md-tag-delete Site::Racks hot", "403");
        await tour.PassesAsync("admin", "glance md-tag-delete Site::Racks hot");
        await tour.PassesAsync("admin", "glance md-namespace-tags-delete Site::Racks");
        await tour.PassesAsync("admin", "glance md-namespace-delete Site::Racks");
    }
}
